"""Entries of indexes and names that belong to no record: counted, found and removed, many keys in one round trip."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from storage_adapters.metadata.redis.keys import FIELD_NUMBERS, NAME_KINDS, TEXT_FIELDS, Keys, bounds_of
from storage_adapters.metadata.redis.records import parse_value
from storage_adapters.metadata.redis.server import Server
from storage_adapters.metadata.redis.writes import places_of
from storage_adapters.records import FileRecord, Tombstone, names_held

_BATCH = 500
# i<field><scope letter><parts of the scope, each with its length>, then nothing or =<lower bound>.
_SCOPE_PARTS = {b"a": 0, b"o": 1, b"t": 2, b"p": 0, b"q": 1, b"s": 1, b"x": 0, b"y": 1, b"v": 0, b"w": 1}
_INDEX = re.compile(rb"i(?P<field>\d+)(?P<letter>[a-z])")
_PART = re.compile(rb"(\d+):")


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The key of a chunk, that of its index, its lower bound, and the field, None for one that is not kept."""

    key: bytes
    base: bytes
    bound: bytes
    field: str | None


def count_entries(server: Server, keys: Keys, found: Sequence[bytes]) -> int:
    """Count the entries of those of the keys that are chunks or hashes of names."""
    commands: list[tuple[Any, ...]] = [("ZCARD", chunk.key) for chunk in _chunks(keys, found, FIELD_NUMBERS)]
    commands += [("HLEN", key) for key, _ in _name_hashes(keys, found)]
    return sum(map(int, server.call_all(commands)))


def stray_places(server: Server, keys: Keys, found: Sequence[bytes], fields: set[str], *, remove: bool) -> int:
    """Count the strays in those of the keys that are chunks; with ``remove``, remove them."""
    chunks = list(_chunks(keys, found, fields))
    count = _foreign_orders(server, [chunk.key for chunk in chunks if chunk.field is None], remove=remove)
    chunks = [chunk for chunk in chunks if chunk.field is not None]
    members = server.call_all([("ZRANGE", chunk.key, 0, -1) for chunk in chunks])
    entries = [
        (chunk, member, _file_id(member, text=chunk.field in TEXT_FIELDS))
        for chunk, each in zip(chunks, members, strict=True)
        for member in each
    ]
    records = _records(server, keys, {file_id for *_, file_id in entries})
    places: dict[tuple[str, str], set[tuple[bytes, bytes]]] = {}
    strays = []
    for chunk, member, file_id in entries:
        value, record = records[file_id]
        assert chunk.field is not None
        asked = (file_id, chunk.field)
        if asked not in places:
            places[asked] = places_of(keys, record, [chunk.field]) if isinstance(record, FileRecord) else set()
        if (chunk.base, member) not in places[asked]:
            keys_of_entry = [keys.record(file_id), chunk.key, bounds_of(chunk.base)]
            strays.append((keys_of_entry, [value or b"", member, "", chunk.bound, int(remove)]))
    # Checked again in the store: the record may have changed since, or the entry be gone.
    return int(count + sum(server.run_all("unindex", strays)))


def stray_names(server: Server, keys: Keys, found: Sequence[bytes], *, remove: bool) -> int:
    """Count the strays in those of the keys that are hashes of names; with ``remove``, remove them."""
    return sum(_stray_names(server, keys, key, kind, remove=remove) for key, kind in _name_hashes(keys, found))


def _stray_names(server: Server, keys: Keys, key: bytes, kind: str, *, remove: bool) -> int:
    found, cursor = 0, b"0"
    while True:
        cursor, flat = server.call("HSCAN", key, cursor, "COUNT", _BATCH)
        holders = dict(flat) if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        records = _records(server, keys, {file_id.decode() for file_id in holders.values()})
        strays = []
        for name, holder in holders.items():
            file_id = holder.decode()
            value, record = records[file_id]
            held = dict(names_held(record)) if isinstance(record, FileRecord) else {}
            if kind not in held or held[kind].encode() != name:
                strays.append(([keys.record(file_id), key], [value or b"", name, file_id, "", int(remove)]))
        found += sum(server.run_all("unindex", strays))
        if int(cursor) == 0:
            return int(found)


def _foreign_orders(server: Server, found: Sequence[bytes], *, remove: bool) -> int:
    """Count the entries of chunks of a field that is not kept; with ``remove``, remove the chunks."""
    kinds = server.call_all([("TYPE", key) for key in found])
    chunks = [key for key, kind in zip(found, kinds, strict=True) if kind in (b"zset", "zset")]
    counts = server.call_all([("ZCARD", key) for key in chunks if not key.endswith(b"/")])
    if remove and chunks:
        server.call("UNLINK", *chunks)
    return sum(map(int, counts))


def _records(
    server: Server, keys: Keys, file_ids: Iterable[str]
) -> dict[str, tuple[bytes | None, FileRecord | Tombstone | None]]:
    """Read what is stored under these ids, each as it lies there and as it is."""
    wanted = list(file_ids)
    batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
    answers = server.call_all([("MGET", *map(keys.record, batch)) for batch in batches])
    values = zip(wanted, (value for answer in answers for value in answer), strict=True)
    return {file_id: (value, None if value is None else parse_value(file_id, value)) for file_id, value in values}


def _chunks(keys: Keys, found: Iterable[bytes], fields: Iterable[str]) -> Iterator[_Chunk]:
    """Yield the chunks among these keys, without the sets of their bounds, unless the field is not kept."""
    names = {FIELD_NUMBERS[field]: field for field in fields}
    for key in found:
        index = _index_of(key.removeprefix(keys.tag))
        if index is not None:
            number, length = index
            base, rest = key[: len(keys.tag) + length], key[len(keys.tag) + length :]
            if rest != b"/" or number not in names:
                yield _Chunk(key, base, rest.removeprefix(b"="), names.get(number))


def _name_hashes(keys: Keys, found: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
    """Yield the hashes of names among these keys, with the kind of the names."""
    kinds = {letter: kind for kind, letter in NAME_KINDS.items()}
    for key in found:
        letter, _, owner = key.removeprefix(keys.tag + b"n").partition(b":")
        if key.startswith(keys.tag + b"n") and letter in kinds and owner:
            yield key, kinds[letter]


def _index_of(name: bytes) -> tuple[int, int] | None:
    """Return the field number of an index's key, and the length of the index's name in it; None for another key."""
    match = _INDEX.match(name)
    if match is None or match["letter"] not in _SCOPE_PARTS:
        return None
    end = match.end()
    for _ in range(_SCOPE_PARTS[match["letter"]]):
        part = _PART.match(name, end)
        if part is None:
            return None
        # The length counts bytes of the text as it is written here.
        end = part.end() + int(part[1])
    return int(match["field"]), end


def _file_id(member: bytes, *, text: bool) -> str:
    """Return the file id of a place; of a foreign member, an id that no file has."""
    first = member[0] if member else 0xFF
    if first == 0xFF:
        behind = 1
    elif text:
        behind = member.find(b"\0\0") + 2
    else:
        behind = 1 + abs(first - 0x80)
    return member[behind:].decode(errors="replace")
