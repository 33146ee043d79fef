"""Redis or CouchDB is killed, stands still or is full while the service works: real servers, real processes, load.

Writes fail clearly or succeed wholly, lists fall back, ``/readyz`` tells, and everything heals without a restart of
ours. What was acknowledged is there in the end.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from tests.integration.test_up import Up
from tests.servers.commands import run_command
from tests.servers.couchdb import CouchServer
from tests.servers.faulty import FaultyProxy
from tests.servers.redis import RedisServer, raw
from tests.waiting import wait_until

WAIT_SECONDS = 300
eventually = partial(wait_until, seconds=WAIT_SECONDS)
WRITERS = 2
LISTERS = 2
# Slow enough that a CouchDB on a full machine can follow, with its views: else lists would never come back to it.
PAUSE_SECONDS = 0.2
OWNERS = ("ann", "bob")
CLEAR = {"storage_unavailable", "service_unavailable"}


class Client:
    """Calls methods of a running service, on one connection."""

    def __init__(self, up: Up) -> None:
        self._address = up.url.removeprefix("http://")
        self._token = (up.data_dir / "secrets" / "rpc_token").read_text()

    def call(self, method: str, **params: Any) -> tuple[int, Any]:
        """Return the status, and the result or the error."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        status, body = self.request("POST", f"/rpc/{method}", json.dumps(params).encode(), headers)
        return status, body["result"] if status == 200 else body["error"]

    def request(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> tuple[int, Any]:
        with closing(http.client.HTTPConnection(self._address, timeout=WAIT_SECONDS)) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def ready(self) -> tuple[int, dict[str, bool]]:
        """The status of /readyz, and which parts work."""
        status, body = self.request("GET", "/readyz")
        return status, {name: part["ok"] for name, part in body["parts"].items()}


class Load:
    """Writers and readers of lists who do not stop for errors, and remember what they were told.

    They keep to a pace: what is tried here are outages, and not what the stores can bear.
    """

    def __init__(self, up: Up) -> None:
        self._up = up
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(self._write, number)) for number in range(WRITERS)]
        self._threads += [threading.Thread(target=self._run, args=(self._list, number)) for number in range(LISTERS)]
        self.acknowledged: dict[str, int] = {}
        self.served_by: dict[str, int] = {}
        self.writes = self.refused_writes = self.refused_lists = 0
        self.faults: list[object] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads)

    def goes_on(self, *names: str, by: int = 3) -> None:
        """Return once each of the counters, or of the stores that serve lists, has grown by so much."""
        before = {name: self._count(name) for name in names}
        eventually(lambda: all(self._count(name) >= before[name] + by for name in names) or bool(self.faults))
        assert self.faults == []

    def _count(self, name: str) -> int:
        return int(getattr(self, name)) if hasattr(self, name) else self.served_by.get(name, 0)

    def _run(self, step: Callable[[Client, random.Random], None], number: int) -> None:
        client, chance = Client(self._up), random.Random(number)
        try:
            while not self._stopping.wait(PAUSE_SECONDS):
                step(client, chance)
        except Exception as error:
            self.faults.append(error)

    def _write(self, client: Client, chance: random.Random) -> None:
        with self._lock:
            known = list(self.acknowledged)
        file_id = chance.choice(known) if known and chance.random() < 0.5 else None
        if file_id is None:
            params: dict[str, Any] = {"owner": chance.choice(OWNERS), "name": "a", "parts": [{"size": 5}]}
            status, answer = client.call("files.upload", **params)
        else:
            changes = {"name": f"{chance.random()}"}
            status, answer = client.call("files.update", file_id=file_id, changes=changes)
        with self._lock:
            if status == 200:
                self.writes += 1
                told = self.acknowledged.get(answer["file_id"], 0)
                self.acknowledged[answer["file_id"]] = max(told, answer["revision"])
            elif status == 503 and answer["code"] in CLEAR:
                self.refused_writes += 1
            else:
                self.faults.append(answer)

    def _list(self, client: Client, chance: random.Random) -> None:
        token = None
        with self._lock:
            known = list(self.acknowledged.items())
        if known and chance.random() < 0.3:
            file_id, revision = chance.choice(known)
            token = f"{file_id}:{revision}"
        status, answer = client.call("files.list", owner=chance.choice(OWNERS), limit=5, min_change=token)
        with self._lock:
            if status == 200:
                self.served_by[answer["served_by"]] = self.served_by.get(answer["served_by"], 0) + 1
            elif status == 503 and answer["code"] in CLEAR:
                self.refused_lists += 1
            else:
                self.faults.append(answer)


@pytest.fixture
def network(own_couchdb: CouchServer) -> Iterator[FaultyProxy]:
    """What lies between the service and CouchDB."""
    with FaultyProxy(own_couchdb.port) as proxy:
        yield proxy


@pytest.fixture
def lists_url(own_couchdb: CouchServer, network: FaultyProxy) -> str:
    return own_couchdb.url.replace(str(own_couchdb.port), str(network.port)) + "/lists"


@pytest.fixture
def up(tmp_path: Path, own_redis: RedisServer, lists_url: str, request: pytest.FixtureRequest) -> Iterator[Up]:
    """The service; the parameter is how long it waits for Redis: long, where none of its answers is to be late."""
    environ = {
        "FILES_METADATA_URL": f"{own_redis.url}?timeout={getattr(request, 'param', 60)}",
        "FILES_LIST_URL": f"{lists_url}?timeout=15",
        # Longer than what a slow machine makes of a list, and much shorter than a test.
        "FILES_LIST_TIMEOUT_MS": "15000",
        "FILES_LOG_LEVEL": "INFO",
    }
    with Up(tmp_path, **environ) as up:
        up.start()
        yield up


@pytest.fixture
def client(up: Up) -> Client:
    return Client(up)


def is_well(client: Client) -> bool:
    status, parts = client.ready()
    return status == 200 and all(parts.values())


def is_well_but_for(client: Client, name: str) -> bool:
    status, parts = client.ready()
    return status == 200 and not parts[name]


def is_unready_for(client: Client, name: str) -> bool:
    status, parts = client.ready()
    return status == 503 and not parts[name]


def assert_nothing_was_lost(client: Client, load: Load, redis: RedisServer, lists_url: str) -> None:
    """Everything acknowledged is in the primary and in lists from CouchDB, and the two are equal."""
    for file_id, revision in load.acknowledged.items():
        status, record = client.call("files.info", file_id=file_id)
        assert status == 200
        assert record["revision"] >= revision
    tokens = [f"{file_id}:{revision}" for file_id, revision in load.acknowledged.items()]
    for token in random.Random(0).sample(tokens, min(10, len(tokens))):
        eventually(lambda token=token: served_by(client, min_change=token) == "couchdb")  # type: ignore[misc]
    eventually(lambda: set(load.acknowledged) <= set(listed(client)))
    command = [sys.executable, "-m", "syncer", "verify", "--source", redis.url, "--target", lists_url]
    done = run_command(command, seconds=WAIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


def served_by(client: Client, **params: Any) -> str:
    return str(client.call("files.list", limit=1, **params)[1]["served_by"])


def listed(client: Client) -> list[str]:
    """The ids of all files, page by page, as far as CouchDB gives them."""
    found: list[str] = []
    params: dict[str, Any] = {"limit": 100, "order_by": "created_at", "order": "asc", "fields": ["name"]}
    while True:
        page = client.call("files.list", **params)[1]
        if page["served_by"] != "couchdb":
            return []
        found += [file["file_id"] for file in page["files"]]
        params["cursor"] = page["next_cursor"]
        if params["cursor"] is None:
            return found


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("how", ["killed", "paused"])
def test_lists_fall_back_and_no_write_fails_while_couchdb_is_away(
    up: Up, client: Client, own_redis: RedisServer, own_couchdb: CouchServer, lists_url: str, how: str
) -> None:
    with Load(up) as load:
        load.goes_on("writes", "couchdb")
        own_couchdb.kill() if how == "killed" else own_couchdb.pause()
        load.goes_on("writes", "redis", by=10)
        eventually(lambda: is_well_but_for(client, "lists"))
        own_couchdb.start() if how == "killed" else own_couchdb.resume()
        load.goes_on("writes", "couchdb")
        eventually(lambda: is_well(client))
        assert (load.refused_writes, load.refused_lists) == (0, 0)
    assert_nothing_was_lost(client, load, own_redis, lists_url)


@pytest.mark.timeout(1_200)
def test_a_full_couchdb_gives_what_it_has_and_the_primary_what_it_lacks(
    up: Up, client: Client, own_redis: RedisServer, network: FaultyProxy, lists_url: str
) -> None:
    with Load(up) as load:
        load.goes_on("writes", "couchdb")
        for kind in ("PUT /", "/_bulk_docs"):
            network.fail_all(kind, "full")
        load.goes_on("writes", "couchdb", "redis", by=10)
        status, answer = client.call("files.upload", owner="ann", name="a", parts=[{"size": 5}])
        assert status == 200
        assert served_by(client, min_change=answer["change_token"]) == "redis"
        eventually(lambda: client.ready()[0] == 200)
        network.heal()
        eventually(lambda: served_by(client, min_change=answer["change_token"]) == "couchdb")
        eventually(lambda: is_well(client))
        assert (load.refused_writes, load.refused_lists) == (0, 0)
    assert_nothing_was_lost(client, load, own_redis, lists_url)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("up", [2], indirect=True, ids=["impatient"])
@pytest.mark.parametrize("how", ["killed", "paused", "full"])
def test_writes_fail_clearly_and_lists_go_on_while_redis_is_away(
    up: Up, client: Client, own_redis: RedisServer, lists_url: str, how: str
) -> None:
    with Load(up) as load:
        load.goes_on("writes", "couchdb")
        if how == "killed":
            own_redis.kill()
        elif how == "paused":
            own_redis.pause()
        else:
            with raw(own_redis.url) as redis:
                redis.config_set("maxmemory", 1)
        load.goes_on("refused_writes", "couchdb")
        eventually(lambda: is_unready_for(client, "metadata"))
        if how == "killed":
            own_redis.start()
        elif how == "paused":
            own_redis.resume()
        else:
            with raw(own_redis.url) as redis:
                redis.config_set("maxmemory", 0)
        load.goes_on("writes", "couchdb")
        eventually(lambda: is_well(client))
    assert_nothing_was_lost(client, load, own_redis, lists_url)
