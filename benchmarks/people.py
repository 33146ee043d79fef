"""Requests of people over stores of several sizes: a folder, a search, a sign-in, the page of a link; and memory.

``python -m benchmarks people``. Goal: p99 at most files is at most 1.5 times that at fewest.
"""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from redis import Redis

from benchmarks.blobs import _rpc
from benchmarks.filling import fill, records
from benchmarks.peers.fsort import used_memory
from benchmarks.processes import free_port, peak_memory_mib, running, wait_for_port
from benchmarks.tables import Table, percentile, spread
from storage_adapters import FileRecord, open_metadata_store
from tests.servers.couchdb import CouchServer
from tests.servers.redis import RedisServer

SIZES = (10_000, 100_000)
STORES = ("sqlite", "redis", "couchdb")
ROUNDS = 5
CALLS = 100
_OWNER, _PASSWORD = "ann", "correct horse battery"
_IN_FOLDER = 200
# Tells the bytes that a store takes.
Weigh = Callable[[], int]
_QUESTIONS = ("a folder", "folders", "search", "search, nothing found", "sign-in", "page of a link")


@dataclass(frozen=True)
class _Served:
    """A gateway over a filled store."""

    store: str
    files: int
    port: int
    token: str
    link: str
    filled_seconds: float
    weight: int
    gateway_pid: int

    def ask(self, question: str, number: int) -> None:
        """Ask once; ``number`` chooses the folder."""
        folder = f"trip {number * 7 % (self.files // _IN_FOLDER):05}/"
        match question:
            case "a folder":
                self._get("/api/files", prefix=folder, delimiter="/", order_by="path", order="asc", limit=100)
            case "folders":
                self._get("/api/files", delimiter="/", order_by="path", order="asc", limit=100)
            case "search":
                self._get("/api/files/search", query="holiday", limit=20)
            case "search, nothing found":
                self._get("/api/files/search", query="nowhere", limit=20)
            case "sign-in":
                body = json.dumps({"name": _OWNER, "password": _PASSWORD})
                _request(self.port, "POST", "/api/auth/login", body)
            case "page of a link":
                _request(self.port, "GET", self.link)

    def _get(self, path: str, **query: str | int) -> None:
        _request(self.port, "GET", f"{path}?{urlencode(query)}", token=self.token)


def measure(
    *, sizes: Sequence[int] = SIZES, stores: Sequence[str] = STORES, rounds: int = ROUNDS, calls: int = CALLS
) -> list[Table]:
    """Fill all stores, start a gateway over each, and ask them in turns."""
    times: dict[tuple[str, int, str], list[list[float]]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        served = [
            stack.enter_context(_serving(Path(name), store, files, url, weigh))
            for store in stores
            for files, url, weigh in stack.enter_context(_servers(Path(name), store, sizes))
        ]
        for _ in range(rounds):
            for question in _QUESTIONS:
                found: dict[tuple[str, int], list[float]] = {(each.store, each.files): [] for each in served}
                for number in range(calls):
                    for each in served:
                        found[each.store, each.files].append(_time(each.ask, question, number))
                for (store, files), taken in found.items():
                    times.setdefault((store, files, question), []).append(taken)
        return [_table(times, stores, sizes, rounds, calls), _weights(served)]


def _time(ask: Callable[[str, int], None], question: str, number: int) -> float:
    start = time.perf_counter()
    ask(question, number)
    return (time.perf_counter() - start) * 1000


@contextmanager
def _servers(folder: Path, store: str, sizes: Sequence[int]) -> Iterator[list[tuple[int, str, Weigh]]]:
    """Start a server for each size; yield the URLs of empty stores, each with what tells its bytes."""
    with ExitStack() as stack:
        found = list[tuple[int, str, Weigh]]()
        for files in sizes:
            place = folder / f"{store}-{files}-store"
            if store == "redis":
                redis = stack.enter_context(RedisServer(place))
                client = stack.enter_context(Redis(port=redis.port, socket_timeout=600))
                found.append((files, redis.url, partial(used_memory, client)))
            elif store == "couchdb":
                couchdb = stack.enter_context(CouchServer(place))
                found.append((files, f"{couchdb.url}/files?timeout=600", partial(_bytes_in, place)))
            else:
                place.mkdir()
                found.append((files, f"sqlite:///{place}/files.db", partial(_bytes_in, place)))
        yield found


def _bytes_in(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


@contextmanager
def _serving(folder: Path, store: str, files: int, url: str, weigh: Weigh) -> Iterator[_Served]:
    with closing(open_metadata_store(url)) as opened:
        empty, began = weigh(), time.perf_counter()
        fill(opened, _filed(files))
        filled_seconds = time.perf_counter() - began
    port = free_port()
    environ = {
        "FILES_METADATA_URL": url,
        "FILES_DATA_DIR": str(folder / f"{store}-{files}"),
        "FILES_HTTP": f"127.0.0.1:{port}",
    }
    log = folder / f"{store}-{files}.log"
    with running("-m", "files_service.cli", "gateway", log=log, **environ) as gateway:
        wait_for_port(port)
        # Nobody can register the name of an owner that has files.
        code = _rpc(port, "accounts.create", {"name": _OWNER})["reset"]["code"]
        _request(port, "POST", "/api/auth/password", json.dumps({"reset": code, "password": _PASSWORD}))
        body = json.dumps({"name": _OWNER, "password": _PASSWORD})
        token = json.loads(_request(port, "POST", "/api/auth/login", body))["token"]
        first = _rpc(port, "files.list", {"owner": _OWNER, "order_by": "created_at", "limit": 1})["files"][0]
        share = _rpc(port, "shares.create", {"owner": _OWNER, "items": [first["file_id"]]})
        served = _Served(store, files, port, token, f"/s/{share['key']}", filled_seconds, 0, gateway.pid)
        # The first answers of a store may build what they read.
        for question in _QUESTIONS:
            served.ask(question, 0)
        yield replace(served, weight=weigh() - empty)


def _filed(files: int) -> Iterator[FileRecord]:
    """Make the files of one owner, in folders."""
    for number, record in enumerate(records(0, files)):
        path = f"trip {number // _IN_FOLDER:05}/{record.name}"
        yield replace(record, owner=_OWNER, path=path, alias=None)


def _request(port: int, method: str, path: str, body: str | None = None, token: str | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"Content-Type": "application/json"} if body else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
        return content


def _table(
    times: dict[tuple[str, int, str], list[list[float]]],
    stores: Sequence[str],
    sizes: Sequence[int],
    rounds: int,
    calls: int,
) -> Table:
    table = Table(
        "What people do",
        ["store", "what", *(f"p50 / p99 ms at {files:,}" for files in sizes), "p50 ratio", "p99 ratio"],
        note=(
            f"Requests of one client to a gateway over each store, each on a connection of its own; {rounds} rounds of "
            f"{calls} of each, all stores and sizes in turns. All files are of one owner, {_IN_FOLDER} in a folder. "
            "Medians of the rounds; the ratios, of most files to fewest, are taken round by round: median "
            "(least-greatest). Goal for the ratio of p99: at most 1.5."
        ),
    )
    for store in stores:
        for question in _QUESTIONS:
            cells = [_both(times[store, files, question]) for files in sizes]
            few, many = times[store, sizes[0], question], times[store, sizes[-1], question]
            ratios = [
                spread([percentile(b, share) / percentile(a, share) for a, b in zip(few, many, strict=True)], 2)
                for share in (0.5, 0.99)
            ]
            table.rows.append([store, question, *cells, *ratios])
    return table


def _weights(served: Sequence[_Served]) -> Table:
    table = Table(
        "What a store holds per file",
        ["store", "files", "filled in, s", "bytes per file", "gateway at most, MB"],
        note=(
            "Growth of a store from empty to filled and asked once: memory of Redis, files on the disk of the others, "
            "indexes and views included. The most resident memory of the gateway, after all questions."
        ),
    )
    for each in served:
        peak = peak_memory_mib(each.gateway_pid) * 2**20 / 1e6
        row = (f"{each.filled_seconds:.0f}", f"{each.weight / each.files:,.0f}", f"{peak:.0f}")
        table.rows.append([each.store, f"{each.files:,}", *row])
    return table


def _both(rounds: Sequence[Sequence[float]]) -> str:
    p50, p99 = (median(percentile(taken, share) for taken in rounds) for share in (0.5, 0.99))
    return f"{p50:.1f} / {p99:.1f}"
