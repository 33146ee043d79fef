"""Hooks for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.services.hooks import ProcessingHook, ReadPart
from storage_adapters import FileRecord

Look = Callable[[FileRecord, ReadPart], Mapping[str, Any]]


class Hook(ProcessingHook):
    """Does what a function does."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def process(self, record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        return self._look(record, read)


def hooked(core: Core, *looks: Look) -> Core:
    """The same core with these hooks."""
    return replace(core, hooks=tuple(Hook(look) for look in looks))


def failing(error: BaseException) -> Look:
    """A hook that always raises this."""

    def look(record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        raise error

    return look
