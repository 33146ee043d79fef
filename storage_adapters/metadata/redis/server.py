"""Calls of the server: commands and scripts, with every exception of the client translated."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from hiredis import pack_command
from redis.exceptions import ChildDeadlockedError, NoScriptError, RedisClusterException, RedisError, ResponseError

from storage_adapters.errors import SchemaMismatch, StorageUnavailable
from storage_adapters.metadata.redis.keys import LAYOUT, Keys
from storage_adapters.metadata.redis.location import Location

OLDEST_VERSION = (7, 0)
# A policy that was changed at run time is noticed by the next write behind this time, or by a ping.
POLICY_SECONDS = 5.0

# How the client shows a sentinel that did not answer: with all its options.
_SENTINEL_CLIENT = re.compile(r"<redis\.client\..*?\)>\)>\)> - ")
_RUN_ID = re.compile(rb"^run_id:([0-9a-f]+)", re.MULTILINE)

# Flags and files of each script. Without flags, Redis refuses a script as a whole when its memory is full, when it is
# a replica, or when it cannot write to its disk. What makes room, or leads to it, is let through a full memory.
_SCRIPTS = {
    "save": ("", ("chunks", "counters", "write")),
    "delete": ("allow-oom", ("chunks", "counters", "write")),
    "insert": ("", ("chunks", "counters", "insert")),
    "clean": ("allow-oom", ("clean",)),
    "checkpoint": ("allow-oom", ("checkpoint",)),
    "trim": ("allow-oom", ("trim",)),
    "acquire": ("allow-oom", ("acquire",)),
    "release": ("allow-oom", ("release",)),
    "page": ("no-writes", ("chunks", "page")),
    "folder": ("no-writes", ("chunks", "folder")),
    "last": ("no-writes", ("last",)),
    "behind": ("no-writes", ("behind",)),
    "ping": ("", ("ping",)),
    "journal": ("allow-oom", ("journal",)),
    "index": ("", ("chunks", "index")),
    "unindex": ("allow-oom", ("unindex",)),
    "counted": ("no-writes", ("counted",)),
    "correct": ("allow-oom", ("correct",)),
    "put_document": ("", ("counters", "document")),
    "remove_document": ("allow-oom", ("counters", "document")),
    "upload_create": ("", ("upload_create",)),
    "upload_set": ("", ("upload_set",)),
    "upload_append": ("", ("upload_append",)),
    "upload_seal": ("allow-oom", ("upload_seal",)),
    "upload_delete": ("allow-oom", ("upload_delete",)),
    "chunk_reserve": ("", ("chunk_reserve",)),
    "chunk_garbage": ("allow-oom", ("chunk_garbage",)),
}

EMPTIED = "the store was emptied: restore it, or begin anew with `files migrate up`"
# A server that has lost the mark of the store, and with it all data, takes nothing new, but copies of another store:
# what it confirms would be lost with a backup that is restored.
_IS_NEW = {"save": "ARGV[3] ~= ''", "put_document": "ARGV[3] == '1'", "upload_create": "true", "chunk_reserve": "true"}
_REFUSAL = "if %s and redis.call('EXISTS', '%s') == 0 then return redis.error_reply('ERR %s') end"


@contextlib.contextmanager
def redis_errors_as_storage_errors() -> Iterator[None]:
    """Raise StorageUnavailable for whatever the client raises: no answer, a refusal, a key that is not ours."""
    try:
        yield
    except (RedisError, RedisClusterException, ChildDeadlockedError, OSError) as error:
        text = _SENTINEL_CLIENT.sub("", str(error))
        raise StorageUnavailable(f"redis: {text or 'no answer'} ({type(error).__name__})") from error


def foreign_data(key: bytes) -> str:
    """Report that a script found something that it cannot work on."""
    return f"redis: what lies under {key!r} does not belong to this store, or a counter is full"


class Server:
    """One Redis; may be used by several threads."""

    def __init__(self, location: Location) -> None:
        self._client = location.client()
        mark = Keys(location.prefix).layout
        self._scripts = {name: _source(name, flags, parts, mark) for name, (flags, parts) in _SCRIPTS.items()}
        self._closed = False
        self._policy_due = 0.0

    def call(self, *command: Any) -> Any:
        """Send one command."""
        with self._answering():
            return self._client.execute_command(*command)

    def call_all(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send several commands at once; they do not make one transaction."""
        return _raised(self.answers(commands))

    def scan(self, pattern: bytes, *, after: str, count: int) -> tuple[list[bytes], str]:
        """Return some of the keys, and the position to go on from, "" at the end; "" is the beginning."""
        keys, position = self.walk("SCAN", after=after, options=("MATCH", pattern, "COUNT", count))
        return list(keys), position

    def walk(self, *command: Any, after: str, options: tuple[Any, ...]) -> tuple[Any, str]:
        """Return what a command of the SCAN family answers, and the position to go on from, as ``scan`` does.

        A server orders its keys and members anew at each start, and so does another one: a position of before begins
        anew.
        """
        cursor, _, start = after.partition("@")
        while True:
            (place, found), information = self.call_all([(*command, cursor or "0", *options), ("INFO", "server")])
            current = _start_of(information)
            if not cursor or start == current:
                break
            cursor = ""
        cursor = place.decode() if isinstance(place, bytes) else str(place)
        return found, "" if cursor == "0" else f"{cursor}@{current}"

    def run(self, script: str, keys: Sequence[bytes], arguments: Sequence[Any]) -> Any:
        """Run a script; a server that does not know it has run nothing and is sent the whole of it."""
        source, digest = self._scripts[script]
        self._look_at_policy(script)
        with self._answering():
            try:
                return self._client.execute_command("EVALSHA", digest, len(keys), *keys, *arguments)
            except NoScriptError:
                return self._client.execute_command("EVAL", source, len(keys), *keys, *arguments)

    def run_all(self, script: str, calls: Sequence[tuple[Sequence[bytes], Sequence[Any]]]) -> list[Any]:
        """Run a script several times, in one round trip; raises what the first that failed raised."""
        if not calls:
            return []
        source, digest = self._scripts[script]
        self._look_at_policy(script)
        commands = [("EVALSHA", digest, len(keys), *keys, *arguments) for keys, arguments in calls]
        answers = self.answers(commands)
        unknown = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            # Scripts that the server does not know have not run; the others have.
            again = self.answers([("SCRIPT", "LOAD", source), *(commands[number] for number in unknown)])[1:]
            for number, answer in zip(unknown, again, strict=True):
                answers[number] = answer
        return _raised(answers)

    def check(self) -> None:
        """Refuse a server that is too old, or may evict records."""
        information = self.call("INFO")
        version = str(information.get("redis_version", "0"))
        if tuple(int(number) for number in version.split(".")[:2]) < OLDEST_VERSION:
            raise StorageUnavailable(f"redis {version} is too old: 7.0 is needed, or Valkey")
        self._check_policy(information)

    def check_policy(self) -> None:
        """Refuse a server that may evict records since its policy was changed."""
        self._check_policy(self.call("INFO", "memory"))

    def _check_policy(self, information: Mapping[str, Any]) -> None:
        policy = str(information.get("maxmemory_policy", "noeviction"))
        if policy.startswith("allkeys"):
            self._policy_due = 0.0
            raise StorageUnavailable(f"redis: maxmemory-policy {policy} evicts records: set it to noeviction")
        self._policy_due = time.monotonic() + POLICY_SECONDS

    def _look_at_policy(self, script: str) -> None:
        """Refuse a script that writes, if the server may evict records; ask it now and then."""
        if "no-writes" not in _SCRIPTS[script][0] and time.monotonic() >= self._policy_due:
            self.check_policy()

    def check_layout(self, layout_key: bytes, *others: bytes) -> bool:
        """Refuse data of another layout, or without a mark; mark a store that has none of ``others`` as well.

        Return True when the store was marked just now.
        """
        found = self.call("GET", layout_key)
        is_new = False
        if found is None and not self.call("EXISTS", *others):
            is_new = self.call("SET", layout_key, LAYOUT, "NX") is not None
            found = self.call("GET", layout_key)
        if found != LAYOUT:
            raise SchemaMismatch("redis", found=(found or b"").decode(errors="replace"), known=LAYOUT.decode())
        return is_new

    def close(self) -> None:
        """Close the connections that are idle; one in use ends with its call."""
        self._closed = True
        self._close_idle()

    def answers(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send several commands at once; an answer is as the server gives it, or an exception.

        The client's own pipeline spends more time on each command than the server does.
        """
        if not commands:
            return []
        pool = self._client.connection_pool
        with self._answering():
            connection = pool.get_connection()
            try:
                connection.send_packed_command([b"".join(map(pack_command, commands))])
                return [_answer(connection) for _ in commands]
            except BaseException:
                # Another caller would receive the answers that are still to come.
                connection.disconnect()
                raise
            finally:
                pool.release(connection)

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        if self._closed:
            raise StorageUnavailable("the store is closed")
        with redis_errors_as_storage_errors():
            try:
                yield
            finally:
                self._close_idle()

    def _close_idle(self) -> None:
        if self._closed:
            with contextlib.suppress(RedisError, OSError):
                self._client.connection_pool.disconnect(inuse_connections=False)


def mapping_of(flat: Any) -> dict[bytes, bytes]:
    """Return a hash that a command or a script answered."""
    return dict(flat) if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _raised(answers: list[Any]) -> list[Any]:
    with redis_errors_as_storage_errors():
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
    return answers


def _source(name: str, flags: str, parts: tuple[str, ...], mark: bytes) -> tuple[str, str]:
    """Return a script and the digest by which the server knows it."""
    folder = files("storage_adapters.metadata.redis") / "scripts"
    first = [f"#!lua flags={flags}" if flags else "#!lua"]
    if name in _IS_NEW:
        first.append(_REFUSAL % (_IS_NEW[name], "".join(f"\\{byte:03}" for byte in mark), EMPTIED))
    source = "\n".join([*first, *((folder / f"{part}.lua").read_text(encoding="utf-8") for part in parts)])
    return source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


def _start_of(information: Any) -> str:
    """Return the id that a server has from one start to the next, "" where it tells none."""
    found = _RUN_ID.search(information) if isinstance(information, bytes) else None
    return found[1].decode() if found is not None else ""
