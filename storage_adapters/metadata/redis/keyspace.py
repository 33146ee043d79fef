"""The keys of another program, read in pipelines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Self

from redis.exceptions import ResponseError

from storage_adapters.metadata.redis.location import location_of
from storage_adapters.metadata.redis.migration import escaped
from storage_adapters.metadata.redis.server import Server, redis_errors_as_storage_errors
from storage_adapters.ports.keyspace import Keyspace, Row

_MISSING = -2  # the expiry of a key that is not there
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
        keys, position = self._server.scan(pattern, after=after, count=limit)
        return [_decode(key.removeprefix(self._tag)) for key in keys], position

    def rows(self, names: Sequence[str]) -> list[Row | None]:
        """See ``Keyspace``."""
        keys = [self._key(name) for name in names]
        answers = self._answers([command for key in keys for command in (("HGETALL", key), ("PEXPIRETIME", key))])
        expiries = answers[1::2]
        if any(isinstance(at, ResponseError) for at in expiries):
            # A server before 7 tells only what is left.
            now = time.time_ns() // 1_000_000
            left = self._answers([("PTTL", key) for key in keys])
            expiries = [ttl if ttl < 0 else _rounded(now + ttl) for ttl in left]
        found: list[Row | None] = []
        for fields, at in zip(answers[::2], expiries, strict=True):
            if at == _MISSING:
                found.append(None)
            else:
                known = None if isinstance(fields, Exception) else _texts(fields)
                found.append(Row(fields=known, expires_at=None if at < 0 else at))
        return found

    def texts(self, names: Sequence[str]) -> list[str | None]:
        """See ``Keyspace``."""
        return self._each([("GET", self._key(name)) for name in names])

    def field(self, pairs: Sequence[tuple[str, str]]) -> list[str | None]:
        """See ``Keyspace``."""
        return self._each([("HGET", self._key(name), _encode(field)) for name, field in pairs])

    def fields(self, names: Sequence[str], wanted: Sequence[str]) -> list[list[str | None]]:
        """See ``Keyspace``."""
        columns = [_encode(field) for field in wanted]
        answers = self._answers([("HMGET", self._key(name), *columns) for name in names])
        return [
            [None] * len(columns)
            if isinstance(answer, Exception)
            else [None if value is None else _decode(value) for value in answer]
            for answer in answers
        ]

    def contains(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """See ``Keyspace``."""
        answers = self._answers([("SISMEMBER", self._key(name), _encode(member)) for name, member in pairs])
        return [answer in (1, True) for answer in answers]

    def members(self, name: str, *, after: str, limit: int) -> tuple[list[tuple[str, str]], str]:
        """See ``Keyspace``."""
        key = self._key(name)
        kind = self._server.call("TYPE", key)
        command = _SCANS.get(kind if isinstance(kind, bytes) else str(kind).encode())
        if command is None:
            return [], ""
        found, position = self._server.walk(command, key, after=after, options=("COUNT", limit))
        if command == "SSCAN":
            return [(_decode(member), "") for member in found], position
        return [(_decode(member), _text(value)) for member, value in _pairs(found)], position

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
        answers = self._answers(commands)
        return [_decode(answer) if isinstance(answer, bytes) else None for answer in answers]

    def _answers(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Return the answers in order; a key of another kind, or a command that the server lacks, gives an error."""
        answers = self._server.answers(commands) if commands else []
        with redis_errors_as_storage_errors():
            for answer in answers:
                if isinstance(answer, Exception) and not _is_about_the_key(answer):
                    raise answer
        return answers


def _is_about_the_key(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, ResponseError) and ("wrong kind" in text or "unknown command" in text)


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _decode(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _text(value: Any) -> str:
    return _decode(value) if isinstance(value, bytes) else str(value)


def _texts(flat: list[bytes]) -> dict[str, str]:
    # The hottest line of an import: a call for each value would double it.
    texts = [str(value, "utf-8", "surrogateescape") for value in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _pairs(flat: Any) -> list[tuple[Any, Any]]:
    if flat and isinstance(flat[0], (tuple, list)):
        return [(member, value) for member, value in flat]
    return list(zip(flat[::2], flat[1::2], strict=True))


def _rounded(expires_at: int) -> int:
    """To the minute: a server before 7 tells only what is left, and no two readings of that agree."""
    return round(expires_at, -4) // 60_000 * 60_000
