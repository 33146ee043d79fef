"""The keys of another program, read in pipelines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Self

from storage_adapters.keyspace import Keyspace, Row
from storage_adapters.metadata.redis.location import location_of
from storage_adapters.metadata.redis.migration import escaped
from storage_adapters.metadata.redis.server import Server

_SCANS = {b"set": "SSCAN", b"zset": "ZSCAN", b"hash": "HSCAN"}


class RedisKeyspace(Keyspace):
    """One prefix on one server; ``{prefix}`` stands before every key."""

    def __init__(self, url: str) -> None:
        location = location_of(url)
        self._server = Server(location)
        self._tag = b"{" + location.prefix.encode() + b"}"
        host, port = location.hosts[0]
        self._name = f"{location.service or f'{host}:{port}'}/{location.db}/{location.prefix}"

    @property
    def name(self) -> str:
        """See ``Keyspace``."""
        return self._name

    def scan(self, beginning: str, *, after: str, limit: int) -> tuple[list[str], str]:
        """See ``Keyspace``."""
        pattern = escaped(self._tag + _encode(beginning)) + b"*"
        place, keys = self._server.call("SCAN", after or "0", "MATCH", pattern, "COUNT", limit)
        return [_decode(key.removeprefix(self._tag)) for key in keys], _position(place)

    def rows(self, names: Sequence[str]) -> list[Row | None]:
        """See ``Keyspace``."""
        keys = [self._key(name) for name in names]
        answers = self._server.answers(
            [command for key in keys for command in (("HGETALL", key), ("PTTL", key), ("PEXPIRETIME", key))]
        )
        now = time.time_ns() // 1_000_000
        found: list[Row | None] = []
        for fields, ttl, at in zip(answers[::3], answers[1::3], answers[2::3], strict=True):
            if ttl == -2:
                found.append(None)
            else:
                expires_at = None if ttl < 0 else at if isinstance(at, int) and at > 0 else _rounded(now + ttl)
                known = None if isinstance(fields, Exception) else _texts(fields)
                found.append(Row(fields=known, expires_at=expires_at))
        return found

    def texts(self, names: Sequence[str]) -> list[str | None]:
        """See ``Keyspace``."""
        return self._each([("GET", self._key(name)) for name in names])

    def field(self, pairs: Sequence[tuple[str, str]]) -> list[str | None]:
        """See ``Keyspace``."""
        return self._each([("HGET", self._key(name), _encode(field)) for name, field in pairs])

    def contains(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """See ``Keyspace``."""
        answers = self._server.answers([("SISMEMBER", self._key(name), _encode(member)) for name, member in pairs])
        return [answer in (1, True) for answer in answers]

    def members(self, name: str, *, after: str, limit: int) -> tuple[list[tuple[str, str]], str]:
        """See ``Keyspace``."""
        key = self._key(name)
        kind = self._server.call("TYPE", key)
        command = _SCANS.get(kind if isinstance(kind, bytes) else str(kind).encode())
        if command is None:
            return [], ""
        place, found = self._server.call(command, key, after or "0", "COUNT", limit)
        if command == "SSCAN":
            return [(_decode(member), "") for member in found], _position(place)
        pairs = found.items() if isinstance(found, dict) else _pairs(found)
        return [(_decode(member), _text(value)) for member, value in pairs], _position(place)

    def close(self) -> None:
        """See ``Keyspace``."""
        self._server.close()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Connect to the server of a URL."""
        return cls(url)

    def _key(self, name: str) -> bytes:
        return self._tag + _encode(name)

    def _each(self, commands: list[tuple[Any, ...]]) -> list[str | None]:
        answers = self._server.answers(commands) if commands else []
        return [_decode(answer) if isinstance(answer, bytes) else None for answer in answers]


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _decode(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _text(value: Any) -> str:
    return _decode(value) if isinstance(value, bytes) else str(value)


def _texts(fields: Any) -> dict[str, str]:
    pairs = fields.items() if isinstance(fields, dict) else _pairs(fields)
    return {_text(name): _text(value) for name, value in pairs}


def _pairs(flat: Any) -> list[tuple[Any, Any]]:
    if flat and isinstance(flat[0], (tuple, list)):
        return [(member, value) for member, value in flat]
    return list(zip(flat[::2], flat[1::2], strict=True))


def _position(place: Any) -> str:
    cursor = place.decode() if isinstance(place, bytes) else str(place)
    return "" if cursor == "0" else cursor


def _rounded(expires_at: int) -> int:
    """To the minute: a server before 7 tells only what is left, and no two readings of that agree."""
    return round(expires_at, -4) // 60_000 * 60_000
