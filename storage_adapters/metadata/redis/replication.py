"""Replication of another store's files: a read of the stored state, a plan, and a write, each one round trip a batch.

A file that another process writes between the two is read and planned again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.redis.inserts import store_new
from storage_adapters.metadata.redis.keys import Keys
from storage_adapters.metadata.redis.records import is_tombstone, parse_value
from storage_adapters.metadata.redis.server import Server, foreign_data
from storage_adapters.metadata.redis.writes import plan_copy
from storage_adapters.records import FileRecord, Tombstone

_BATCH = 100
_MOST_ROUNDS = 100
_SCRIPTS = ("delete", "save")

_Stored = FileRecord | Tombstone | None


def store_copies(server: Server, keys: Keys, copies: Sequence[FileRecord | Tombstone], *, force: bool) -> list[bool]:
    """Store copies newer than the stored state, or with ``force`` others; return which were."""

    def wanted(copy: _Stored, stored: _Stored) -> bool:
        assert copy is not None
        return stored is None or (stored != copy if force else stored.revision < copy.revision)

    written: set[str] = set()
    for start in range(0, len(copies), _BATCH):
        batch: dict[str, _Stored] = {copy.file_id: copy for copy in copies[start : start + _BATCH]}
        written |= store_new(server, keys, _new(server, keys, batch))
        rest = {file_id: copy for file_id, copy in batch.items() if file_id not in written}
        written |= _write(server, keys, rest, wanted)
    return [copy.file_id in written for copy in copies]


def remove_files(server: Server, keys: Keys, file_ids: Sequence[str]) -> int:
    """Remove records and tombstones; return how many there were."""
    removed = 0
    for start in range(0, len(file_ids), _BATCH):
        batch = dict.fromkeys(file_ids[start : start + _BATCH])
        removed += len(_write(server, keys, batch, lambda _, stored: stored is not None))
    return removed


def read_bucket(server: Server, keys: Keys, bucket: int, *, length: int = -1) -> Iterator[tuple[str, bytes]]:
    """Read the files of a parity bucket, each from the beginning of its value (-1: all of it)."""
    index, start = keys.bucket(bucket), b"-"
    while True:
        arguments = [0, start, "+", _BATCH, "", keys.record_prefix, length]
        answer = server.run("page", [index], arguments)
        if not answer:
            return
        file_ids, values = answer[::2], answer[1::2]
        for file_id, value in zip(file_ids, values, strict=True):
            # A record that another program removed is missing: that is for a comparison to say.
            if value and not is_tombstone(value):
                yield file_id.decode(), value
        start = b"(" + file_ids[-1]


def _write(
    server: Server,
    keys: Keys,
    copies: Mapping[str, _Stored],
    wanted: Callable[[_Stored, _Stored], bool],
) -> set[str]:
    """Write these states of files where they are newer or forced; return the ids of those written."""
    written: set[str] = set()
    open_ids = list(copies)
    for _ in range(_MOST_ROUNDS):
        if not open_ids:
            return written
        values = server.call("MGET", *(keys.record(file_id) for file_id in open_ids))
        moves = {}
        for file_id, value in zip(open_ids, values, strict=True):
            stored = None if value is None else parse_value(file_id, value)
            if wanted(copies[file_id], stored):
                old = stored if isinstance(stored, FileRecord) else None
                moves[file_id] = plan_copy(keys, file_id, value, old, copies[file_id])
        open_ids = []
        for script in _SCRIPTS:
            chosen = [file_id for file_id in moves if script == _script(copies[file_id])]
            answers = server.run_all(script, [(moves[i].keys, moves[i].arguments) for i in chosen])
            for file_id, answer in zip(chosen, answers, strict=True):
                if answer[0] == 0:
                    written.add(file_id)
                elif answer[0] == 1:
                    open_ids.append(file_id)
                else:
                    raise StorageUnavailable(foreign_data(answer[1]))
    raise StorageUnavailable(f"redis: {len(open_ids)} files were changed by other writers in every attempt")


def _new(server: Server, keys: Keys, copies: Mapping[str, _Stored]) -> list[FileRecord]:
    """Return the records of unknown files: unless their names are taken, they need no plan of their own."""
    here = server.call_all([("EXISTS", keys.record(file_id)) for file_id in copies])
    found = zip(copies.values(), here, strict=True)
    return [copy for copy, is_here in found if isinstance(copy, FileRecord) and not is_here]


def _script(copy: _Stored) -> str:
    """Return the script for a copy: one that deletes a file may run when memory is full."""
    return "save" if isinstance(copy, FileRecord) else "delete"
