"""Migrations of the Redis store: the mark, the journal, a scan, and rebuilding.

Each call is a few short scripts and commands, so that the server is never kept from the others for long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from storage_adapters.codec import DIGEST_BUCKETS
from storage_adapters.errors import SchemaMismatch, StorageUnavailable
from storage_adapters.metadata.redis.keys import FIELD_NUMBERS, LAYOUT, NAME_KINDS, TEXT_FIELDS, Keys, bounds_of, place
from storage_adapters.metadata.redis.records import is_tombstone, parse_value, record_of, record_to_value
from storage_adapters.metadata.redis.server import Server
from storage_adapters.metadata.redis.sums import digest_of
from storage_adapters.metadata.redis.usage import usage_of
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.ports.schemas import Counted, Schema, SupportsRebuilding
from storage_adapters.query import scopes, sort_value
from storage_adapters.records import FileRecord, Tally, Tombstone, Usage
from storage_adapters.unicode_text import UNICODE_VERSION

_MOST_RECORDS = 500
_KEYS_PER_SCAN = 20
_MEMBERS_PER_KEY = 100  # a chunk has 64 to 128
# i<field><scope letter><parts of the scope, each with its length>, then nothing or =<lower bound>.
_SCOPE_PARTS = {b"a": 0, b"o": 1, b"t": 2, b"p": 0, b"q": 1, b"s": 1}
_INDEX = re.compile(rb"i(?P<field>\d+)(?P<letter>[a-z])")
_PART = re.compile(rb"(\d+):")


class RedisMigrations(SupportsRebuilding):
    """The part of the store that migrations use."""

    _server: Server
    _keys: Keys

    def schema(self) -> Schema:
        """See ``SupportsMigrations``."""
        found = self._server.call("GET", self._keys.layout)
        empty = found is None and not self._server.call("EXISTS", self._keys.feed, self._keys.digest)
        unicode = UNICODE_VERSION if empty else self.unicode_version()
        return Schema(found=(found or b"").decode(), known=LAYOUT.decode(), empty=empty, unicode=unicode)

    def change_schema(self, mark: str) -> None:
        """See ``SupportsMigrations``."""
        found = self._server.call("GET", self._keys.layout)
        if mark not in ("", LAYOUT.decode()) or found not in (None, LAYOUT):
            raise SchemaMismatch(
                "redis", found=mark if found in (None, LAYOUT) else found.decode(), known=LAYOUT.decode()
            )
        if mark:
            self._server.call("SET", self._keys.layout, mark)
        else:
            self._server.call("DEL", self._keys.layout)

    def schema_faults(self) -> list[str]:
        """See ``SupportsMigrations``."""
        kinds = {
            self._keys.feed: b"stream",
            self._keys.digest: b"hash",
            self._keys.unclean: b"zset",
            self._keys.waiting: b"zset",
            self._keys.checkpoints: b"hash",
            self._keys.leases: b"hash",
        }
        found = self._server.call_all([("TYPE", key) for key in kinds])
        return [
            f"{key.decode()} is a {there.decode()}, not a {wanted.decode()}"
            for (key, wanted), there in zip(kinds.items(), map(_bytes, found), strict=True)
            if there not in (wanted, b"none")
        ]

    def read_journal(self, name: str) -> bytes | None:
        """See ``SupportsMigrations``."""
        document: bytes | None = self._server.call("HGET", self._keys.journal, name)
        return document

    def write_journal(self, name: str, *, expected: bytes | None, document: bytes) -> bool:
        """See ``SupportsMigrations``."""
        arguments = [name, int(expected is not None), expected or b"", document]
        return bool(self._server.run("journal", [self._keys.journal], arguments))

    def scan(self, *, after: str, limit: int) -> tuple[list[FileRecord], str]:
        """See ``SupportsMigrations``: bucket by bucket, in each by file id."""
        number, _, behind = after.partition(":")
        bucket, start = int(number or 0), b"(" + behind.encode() if behind else b"-"
        records: list[FileRecord] = []
        while bucket < DIGEST_BUCKETS:
            wanted = min(_MOST_RECORDS, limit - len(records))
            arguments = [0, start, "+", wanted, "", self._keys.record_prefix, -1]
            answer = self._server.run("page", [self._keys.bucket(bucket)], arguments)
            records += [
                record_of(file_id.decode(), value)
                for file_id, value in zip(answer[::2], answer[1::2], strict=True)
                if value and not is_tombstone(value)
            ]
            if len(answer) < 2 * wanted:
                bucket, start = bucket + 1, b"-"
                continue
            start = b"(" + answer[-2]
            if len(records) >= limit:
                return records, f"{bucket}:{answer[-2].decode()}"
        return records, ""

    def stored(self, file_ids: Sequence[str]) -> list[FileRecord | Tombstone | None]:
        """See ``SupportsMigrations``."""
        values = self._server.call("MGET", *map(self._keys.record, file_ids)) if file_ids else []
        found = zip(file_ids, values, strict=True)
        return [None if value is None else parse_value(file_id, value) for file_id, value in found]

    def count_index(self, records: Sequence[FileRecord], fields: Iterable[str]) -> int:
        """See ``SupportsRebuilding``."""
        return self._index(records, fields, write=False)

    def index(self, records: Sequence[FileRecord], fields: Iterable[str]) -> int:
        """See ``SupportsRebuilding``."""
        return self._index(records, fields, write=True)

    def strays(self, *, after: str, limit: int, fields: Iterable[str], remove: bool) -> tuple[int, str]:
        """See ``SupportsRebuilding``."""
        kind, _, cursor = (after or "i:0").partition(":")
        pattern = escaped(self._keys.tag) + kind.encode() + b"*"
        count = max(_KEYS_PER_SCAN, limit // _MEMBERS_PER_KEY)
        place, keys = self._server.call("SCAN", cursor, "MATCH", pattern, "COUNT", count)
        look = self._stray_places if kind == "i" else self._stray_names
        found = sum(look(key, set(fields), remove=remove) for key in keys)
        cursor = _bytes(place).decode()
        if cursor != "0":
            return found, f"{kind}:{cursor}"
        return found, "n:0" if kind == "i" else ""

    def counted(self, owners: Sequence[str | None]) -> Counted:
        """See ``SupportsRebuilding``."""
        keys = [self._keys.feed, self._keys.digest, *map(self._keys.usage, owners)]
        sequence, sums, *usages = self._server.run("counted", keys, [])
        return Counted(
            sequence=sequence.decode(),
            usages=[usage_of(_mapping(flat)) for flat in usages],
            digest=digest_of(_mapping(sums)),
        )

    def counted_owners(self, *, after: str, limit: int) -> tuple[list[str], str]:
        """See ``SupportsRebuilding``."""
        prefix = self._keys.tag + b"u:"
        pattern = escaped(prefix) + b"*"
        place, keys = self._server.call("SCAN", after or "0", "MATCH", pattern, "COUNT", 10 * limit)
        cursor = _bytes(place).decode()
        return [key.removeprefix(prefix).decode() for key in keys], "" if cursor == "0" else cursor

    def correct_usage(self, owner: str | None, difference: Usage) -> None:
        """See ``SupportsRebuilding``."""
        amounts: list[Any] = []
        for name, tally in _counters(difference):
            amounts += [b"b" + name, tally.bytes, b"f" + name, tally.files]
        self._server.run("correct", [self._keys.usage(owner)], amounts)

    def correct_digest(self, bucket: int, difference: DigestBucket) -> None:
        """See ``SupportsRebuilding``."""
        amounts = [f"{bucket}f", difference.files, f"{bucket}h", difference.high, f"{bucket}l", difference.low]
        self._server.run("correct", [self._keys.digest], amounts)

    def forget_checkpoint(self, consumer: str) -> None:
        """See ``SupportsRebuilding``."""
        self._server.call("HDEL", self._keys.checkpoints, consumer)

    def _index(self, records: Sequence[FileRecord], fields: Iterable[str], *, write: bool) -> int:
        wanted = list(fields)
        calls = []
        for record in records:
            names = [(self._keys.names(kind, record.owner), name) for kind, name in _names(record)]
            places = sorted(self._places(record, wanted))
            keys = [self._keys.record(record.file_id), *(key for key, _ in names), *(key for key, _ in places)]
            arguments = [record_to_value(record), record.file_id, len(names), int(write)]
            calls.append((keys, [*arguments, *(name for _, name in names), *(member for _, member in places)]))
        return sum(max(0, int(answer)) for answer in self._server.run_all("index", calls))

    def _places(self, record: FileRecord, fields: Iterable[str]) -> set[tuple[bytes, bytes]]:
        members = {field: place(sort_value(record, field), record.file_id) for field in fields}
        return {
            (self._keys.index(scope, field), member) for scope in scopes(record) for field, member in members.items()
        }

    def _stray_places(self, key: bytes, fields: set[str], *, remove: bool) -> int:
        index = _index_of(key.removeprefix(self._keys.tag))
        if index is None:
            return 0
        number, length = index
        base, rest = key[: len(self._keys.tag) + length], key[len(self._keys.tag) + length :]
        field = next((name for name, each in FIELD_NUMBERS.items() if each == number and name in fields), None)
        if field is None:
            if _bytes(self._server.call("TYPE", key)) != b"zset":
                return 0
            count = 0 if rest == b"/" else int(self._server.call("ZCARD", key))
            if remove:
                self._server.call("UNLINK", key)
            return count
        if rest == b"/":
            return 0
        members = self._server.call("ZRANGE", key, 0, -1)
        file_ids = [_file_id(member, text=field in TEXT_FIELDS) for member in members]
        values = self._server.call("MGET", *map(self._keys.record, file_ids)) if file_ids else []
        strays = []
        for member, file_id, value in zip(members, file_ids, values, strict=True):
            record = None if value is None else parse_value(file_id, value)
            if not isinstance(record, FileRecord) or (base, member) not in self._places(record, [field]):
                keys = [self._keys.record(file_id), key, bounds_of(base)]
                strays.append((keys, [value or b"", member, "", rest.removeprefix(b"="), int(remove)]))
        # Checked again in the store: the record may have changed since, or the entry be gone.
        return sum(self._server.run_all("unindex", strays))

    def _stray_names(self, key: bytes, fields: set[str], *, remove: bool) -> int:
        kinds = {letter: kind for kind, letter in NAME_KINDS.items()}
        letter, _, owner = key.removeprefix(self._keys.tag + b"n").partition(b":")
        if letter not in kinds or not owner:
            return 0
        found, cursor = 0, b"0"
        while True:
            answer, flat = self._server.call("HSCAN", key, cursor, "COUNT", 500)
            names = _mapping(flat)
            file_ids = [file_id.decode() for file_id in names.values()]
            values = self._server.call("MGET", *map(self._keys.record, file_ids)) if file_ids else []
            strays = []
            for name, file_id, value in zip(names, file_ids, values, strict=True):
                record = None if value is None else parse_value(file_id, value)
                borne = getattr(record, kinds[letter], None)
                if borne is None or borne.encode() != name:
                    strays.append(([self._keys.record(file_id), key], [value or b"", name, file_id, "", int(remove)]))
            found += sum(self._server.run_all("unindex", strays))
            cursor = _bytes(answer)
            if cursor == b"0":
                return int(found)


def _names(record: FileRecord) -> list[tuple[str, str]]:
    return [(kind, name) for kind in NAME_KINDS if (name := getattr(record, kind)) is not None]


def _counters(usage: Usage) -> Iterator[tuple[bytes, Tally]]:
    yield b"t", usage.total
    for letter, tallies in ((b"a", usage.by_access), (b"c", usage.by_content_type), (b"s", usage.by_status)):
        for key, tally in tallies.items():
            yield letter + key.encode(), tally


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


def escaped(prefix: bytes) -> bytes:
    """Escape a prefix to a pattern that matches only the prefix itself."""
    return re.sub(rb"([\[\]*?\\^-])", rb"\\\1", prefix)


def _mapping(flat: Any) -> dict[bytes, bytes]:
    return dict(flat) if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, (str, int)):
        return str(value).encode()
    raise StorageUnavailable(f"redis: unexpected answer: {value!r}")
