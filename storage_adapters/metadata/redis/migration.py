"""Migrations of the Redis store: the mark, the journal, a scan, and rebuilding.

Each call is a few short scripts and commands, so that the server is never kept from the others for long.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from storage_adapters.codec import DIGEST_BUCKETS
from storage_adapters.errors import SchemaMismatch, StorageUnavailable
from storage_adapters.metadata.redis.keys import DIMENSIONS, LAYOUT, Keys
from storage_adapters.metadata.redis.records import is_tombstone, parse_value, record_of, record_to_value
from storage_adapters.metadata.redis.server import Server, mapping_of
from storage_adapters.metadata.redis.strays import count_entries, stray_names, stray_places
from storage_adapters.metadata.redis.sums import digest_of
from storage_adapters.metadata.redis.usage import usage_of
from storage_adapters.metadata.redis.writes import places_of
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.ports.schemas import Counted, Schema, SupportsRebuilding
from storage_adapters.records import FileRecord, Tombstone, names_held
from storage_adapters.unicode_text import UNICODE_VERSION
from storage_adapters.usage import Usage

_MOST_RECORDS = 500
_KEYS_PER_SCAN = 20
_MEMBERS_PER_KEY = 20  # a full chunk has 64 to 128, and most keys are no chunks or small ones


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

    def count_index(self, records: Sequence[FileRecord], fields: Iterable[str]) -> tuple[int, int]:
        """See ``SupportsRebuilding``."""
        return self._index(records, fields, write=False)

    def count_entries(self, *, after: str, limit: int) -> tuple[int, str]:
        """See ``SupportsRebuilding``."""
        keys, position = self._entry_keys(after, limit)
        return count_entries(self._server, self._keys, keys), position

    def index(self, records: Sequence[FileRecord], fields: Iterable[str]) -> int:
        """See ``SupportsRebuilding``."""
        return self._index(records, fields, write=True)[0]

    def strays(self, *, after: str, limit: int, fields: Iterable[str], remove: bool) -> tuple[int, str]:
        """See ``SupportsRebuilding``."""
        keys, position = self._entry_keys(after, limit)
        places = stray_places(self._server, self._keys, keys, set(fields), remove=remove)
        return places + stray_names(self._server, self._keys, keys, remove=remove), position

    def counted(self, owners: Sequence[str | None]) -> Counted:
        """See ``SupportsRebuilding``."""
        keys = [self._keys.feed, self._keys.digest, *(key for owner in owners for key in self._keys.usages(owner))]
        sequence, sums, *hashes = self._server.run("counted", keys, [])
        usages = map(mapping_of, hashes)
        return Counted(
            sequence=sequence.decode(),
            usages=[usage_of(listed, apart) for listed, apart in zip(usages, usages, strict=True)],
            digest=digest_of(mapping_of(sums)),
        )

    def counted_owners(self, *, after: str, limit: int) -> tuple[list[str], str]:
        """See ``SupportsRebuilding``."""
        pattern = escaped(self._keys.tag) + b"[uw]:*"
        keys, position = self._server.scan(pattern, after=after, count=10 * limit)
        return [key[len(self._keys.tag) + len(b"u:") :].decode() for key in keys], position

    def correct_usage(self, owner: str | None, difference: Usage) -> None:
        """See ``SupportsRebuilding``."""
        amounts: defaultdict[bytes, list[Any]] = defaultdict(list)
        for dimension, key, tally in difference.counters():
            name = DIMENSIONS[dimension] + key.encode()
            amounts[self._keys.usage(owner, dimension)] += [b"b" + name, tally.bytes, b"f" + name, tally.files]
        self._server.run_all("correct", [([key], each) for key, each in amounts.items()])

    def correct_digest(self, bucket: int, difference: DigestBucket) -> None:
        """See ``SupportsRebuilding``."""
        amounts = [f"{bucket}f", difference.files, f"{bucket}h", difference.high, f"{bucket}l", difference.low]
        self._server.run("correct", [self._keys.digest], amounts)

    def forget_checkpoint(self, consumer: str) -> None:
        """See ``SupportsRebuilding``."""
        self._server.call("HDEL", self._keys.checkpoints, consumer)

    def _index(self, records: Sequence[FileRecord], fields: Iterable[str], *, write: bool) -> tuple[int, int]:
        wanted = set(fields)
        calls = []
        for record in records:
            names = [(self._keys.names(kind, record.owner), name) for kind, name in names_held(record)]
            places = sorted(places_of(self._keys, record, wanted))
            keys = [self._keys.record(record.file_id), *(key for key, _ in names), *(key for key, _ in places)]
            arguments = [record_to_value(record), record.file_id, len(names), int(write)]
            calls.append((keys, [*arguments, *(name for _, name in names), *(member for _, member in places)]))
        answers = self._server.run_all("index", calls)
        return sum(int(missing) for missing, _ in answers), sum(int(held) for _, held in answers)

    def _entry_keys(self, after: str, limit: int) -> tuple[list[bytes], str]:
        """Return keys of indexes, then of names, and the position to go on from."""
        kind, _, place = (after or "i:").partition(":")
        pattern = escaped(self._keys.tag) + kind.encode() + b"*"
        count = max(_KEYS_PER_SCAN, limit // _MEMBERS_PER_KEY)
        keys, place = self._server.scan(pattern, after=place, count=count)
        if place:
            return keys, f"{kind}:{place}"
        return keys, "n:" if kind == "i" else ""


def escaped(prefix: bytes) -> bytes:
    """Escape a prefix to a pattern that matches only the prefix itself."""
    return re.sub(rb"([\[\]*?\\^-])", rb"\\\1", prefix)


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, (str, int)):
        return str(value).encode()
    raise StorageUnavailable(f"redis: unexpected answer: {value!r}")
