"""A store in memory whose process dies at a store call of a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from storage_adapters.metadata.memory.store import MemoryMetadataStore


class Killed(BaseException):
    """The end of the process: nothing catches it."""


class KillableStore(MemoryMetadataStore):
    """A store whose process dies before or after the call of a number."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1

    def tick(self) -> None:
        """Die when it is time, and at whatever the process would still do."""
        if self.left < 0:
            return
        self.left = max(0, self.left - 1)
        if self.left == 0:
            raise Killed


def killable(name: str) -> Callable[..., Any]:
    """A method of the store that may be the last one."""

    def method(self: KillableStore, *given: Any, **named: Any) -> Any:
        self.tick()
        result = getattr(MemoryMetadataStore, name)(self, *given, **named)
        self.tick()
        return result

    return method


for _name in (
    "get",
    "save",
    "delete",
    "find",
    "resolve",
    "put_document",
    "delete_document",
    "find_documents",
    "stored_documents",
):
    setattr(KillableStore, _name, killable(_name))
