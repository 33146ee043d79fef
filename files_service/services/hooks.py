"""Hooks for code of others, loaded from entry points of the group ``files_service.hooks``.

An entry point names a class, which is built once per process without arguments, in the order of the names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from storage_adapters import FileRecord, Part

GROUP = "files_service.hooks"
ReadPart = Callable[[Part], Iterator[bytes]]


class Rejected(Exception):
    """A hook rejects the file: processing fails with this code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ProcessingHook(ABC):
    """Hook that processes each file after the verification of its bytes."""

    @abstractmethod
    def process(self, record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        """Process the file and return what to add to its ``meta``, maybe nothing.

        ``read(part)`` yields the bytes of a part and keeps the lease alive. May run twice for one file. Raise
        ``Rejected`` to fail the file; any other exception fails it with the code ``hook_failed``.
        """


def load_hooks() -> tuple[ProcessingHook, ...]:
    """Build the installed hooks, in the order of their names."""
    return tuple(hook() for hook in _installed())


@cache
def _installed() -> tuple[Callable[[], ProcessingHook], ...]:
    """Look through all installed packages, which takes longer than all else of opening the service."""
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return tuple(point.load() for point in found)
