"""Work of a processor, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.services.hooks import ProcessingHook, ReadPart
from files_service.worker.processor import Processor
from storage_adapters import FileRecord
from tests.cores import call


class Obstinate(ProcessingHook):
    """Fails the first so many times."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0
        self.owners: list[str] = []

    def process(self, record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        self.calls += 1
        self.owners.append(record.owner)
        if self.calls <= self.failures:
            raise self.error
        return {"looked_at": self.calls}


def work(processor: Processor) -> None:
    """One look, and all that it found."""
    processor.step()
    while processor.work():
        pass


def status(core: Core, record: Mapping[str, Any]) -> str:
    found: str = call(core, "files.info", file_id=record["file_id"])["status"]
    return found


def hooked(core: Core, hook: ProcessingHook) -> Core:
    return replace(core, hooks=(hook,))
