"""Data beside files and feed: checkpoints, leases, places. Each is a document changed by its revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database, new_write_id
from storage_adapters.metadata.couchdb.keys import hex_of
from storage_adapters.records import JSON

_CHECKPOINT = "checkpoint-"
_LEASE = "lease-"
_MOST_ATTEMPTS = 50


class State:
    """Small named values."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> JSON | None:
        """Read a value."""
        return self._database.get(name)

    def put(self, name: str, value: JSON, *, over: JSON | None) -> bool:
        """Write a value over the one that was read (None: there was none); return False when it has changed since."""
        document = {**value, "_id": name, "write_id": new_write_id()}
        if over is not None:
            document["_rev"] = over["_rev"]
        return self._database.put(document) is not None

    def replace(self, name: str, value: JSON) -> None:
        """Write a value over whatever there is."""
        self.change(name, lambda _: value)

    def change(self, name: str, decide: Callable[[JSON | None], JSON | None]) -> bool:
        """Write the value that ``decide`` makes of the present one; return False when that is None, to leave it."""
        for _ in range(_MOST_ATTEMPTS):
            found = self.get(name)
            value = decide(found)
            if value is None:
                return False
            if self.put(name, value, over=found):
                return True
        raise StorageUnavailable(f"too many writers of {name}")

    def checkpoint(self, consumer: str) -> str:
        """Return the sequence at which a consumer is."""
        found = self.get(_CHECKPOINT + hex_of(consumer))
        return "" if found is None else str(found["sequence"])

    def checkpoints_of(self, consumers: Sequence[str]) -> list[str]:
        """Return the sequences at which consumers are."""
        found = self._database.documents(_CHECKPOINT + hex_of(consumer) for consumer in consumers)
        return ["" if each is None else str(each["sequence"]) for each in found]

    def move_checkpoint(self, consumer: str, *, expected: str, sequence: str) -> bool:
        """Move a checkpoint; return False when it is not at ``expected``."""
        name = _CHECKPOINT + hex_of(consumer)
        found = self.get(name)
        if ("" if found is None else found["sequence"]) != expected:
            return False
        return self.put(name, {"sequence": sequence}, over=found)

    def checkpoints(self) -> list[str]:
        """Return the sequences of all checkpoints."""
        return [str(found["sequence"]) for found in self._database.with_prefix(_CHECKPOINT) if found["sequence"]]

    def clear_checkpoints(self) -> None:
        """Remove all checkpoints."""
        for found in self._database.with_prefix(_CHECKPOINT):
            self.replace(found["_id"], {"sequence": ""})

    def acquire(self, lease: str, *, holder: str, now: int, until: int) -> bool:
        """Take or prolong a lease; return False when another holder has it."""
        is_taken = False

        def decide(found: JSON | None) -> JSON | None:
            nonlocal is_taken
            is_taken = found is None or found["holder"] in ("", holder) or found["until"] <= now
            if found is None or is_taken:
                return {"holder": holder, "until": until}
            return {"holder": found["holder"], "until": until} if found["until"] > until else None

        return self.change(_LEASE + hex_of(lease), decide) and is_taken

    def release(self, lease: str, *, holder: str) -> None:
        """Release a lease."""

        def decide(found: JSON | None) -> JSON | None:
            return None if found is None or found["holder"] != holder else {"holder": "", "until": 0}

        self.change(_LEASE + hex_of(lease), decide)

    def holders(self, leases: Sequence[str], *, now: int) -> list[str]:
        """Return the holders of leases that have not expired."""
        found = self._database.documents(_LEASE + hex_of(lease) for lease in leases)
        return ["" if each is None or each["until"] <= now else str(each["holder"]) for each in found]
