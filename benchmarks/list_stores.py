"""Stores of the list benchmark, one for each size, started and filled for it.

A folder that is kept allows a filled store to be reused; for CouchDB, its databases.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis import Redis

from benchmarks.filling import fill, records
from benchmarks.peers.fsort import used_memory
from files_service.config import load_settings, read_config
from files_service.core import Core
from files_service.services.opening import open_core
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.location import location_of
from storage_adapters.metadata.couchdb.server import Server
from storage_adapters.metadata.couchdb.views import DESIGNS, build, list_key
from tests.servers.couchdb import SUFFIXES, CouchServer, server_url
from tests.servers.couchdb import raw as raw_couchdb
from tests.servers.redis import RedisServer

SMALL = 100_000  # maximum number of files in SQLite and pouchdb-server
_FILLERS = 2
_VIEWS = (list_key("uploaded_at"), "names")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A core over a store of a known size; ``bytes_per_file`` where the store reports it."""

    store: str
    files: int
    url: str
    core: Core
    bytes_per_file: float | None = None

    @property
    def port(self) -> int:
        """The port of its server."""
        port = urlsplit(self.url).port
        assert port is not None
        return port


@contextmanager
def filled_stores(folder: Path, stores: Sequence[str], sizes: Sequence[int], *, keep: bool) -> Iterator[list[Filled]]:
    """Start and fill each store at each size that it supports."""
    opened: list[Filled] = []
    with ExitStack() as stack:
        for store in stores:
            if store == "couchdb":
                server, largest = stack.enter_context(_couchdb(folder))
                opened += [
                    stack.enter_context(_couchdb_filled(folder, server, files, keep=keep))
                    for files in sizes
                    if files <= largest
                ]
            elif store == "redis":
                opened += [stack.enter_context(_redis_filled(folder, files)) for files in sizes]
            else:
                opened += [stack.enter_context(_sqlite_filled(folder, files)) for files in sizes if files <= SMALL]
        yield opened


@contextmanager
def opened_core(url: str, folder: Path) -> Iterator[Core]:
    """Open a core over a metadata store, with blobs in a folder."""
    environ = {"FILES_METADATA_URL": url, "FILES_DATA_DIR": str(folder)}
    core = open_core(load_settings(read_config(environ=environ)))
    try:
        yield core
    finally:
        core.close()


@contextmanager
def _redis_filled(folder: Path, files: int) -> Iterator[Filled]:
    """Start a Redis and fill it. It keeps no log: durability does not affect the cost of a list."""
    place = folder / f"redis-{files}"
    filled = place / "filled"  # size of the data; the server reads its snapshot at start
    # The peer's scripts run longer than the time after which Redis rejects other commands.
    config = {"appendonly": "no", "busy_reply_threshold": "600000"}
    with RedisServer(place, **config) as server, _client(server.port) as client:
        url = f"{server.url}?timeout=600"
        if not filled.exists():
            client.flushall()
            before = used_memory(client)
            _fill_together(url, files)
            used = used_memory(client) - before
            client.save()
            filled.write_text(str(used))
        with opened_core(url, place) as core:
            yield Filled(store="redis", files=files, url=url, core=core, bytes_per_file=int(filled.read_text()) / files)


def _client(port: int) -> Redis:
    """Return a client that waits until a snapshot of a million files is written."""
    return Redis(port=port, socket_timeout=600)


@contextmanager
def _sqlite_filled(folder: Path, files: int) -> Iterator[Filled]:
    place = folder / f"sqlite-{files}"
    url = f"sqlite:///{place}/files.db"
    filled = place / "filled"
    with opened_core(url, place) as core:
        if not filled.exists():
            fill(core.metadata, records(0, files))
            filled.touch()
        yield Filled(store="sqlite", files=files, url=url, core=core)


@contextmanager
def _couchdb(folder: Path) -> Iterator[tuple[str, int]]:
    """Use the server of COUCHDB_URL or a private pouchdb-server; yield its URL and maximum number of files."""
    given = os.environ.get("COUCHDB_URL")
    if given:
        yield server_url(given), sys.maxsize
        return
    with CouchServer(folder / "couchdb") as server:
        yield server.url, SMALL


@contextmanager
def _couchdb_filled(folder: Path, server_at: str, files: int, *, keep: bool) -> Iterator[Filled]:
    name = f"bench{files}" if keep else f"bench{files}-{uuid.uuid4().hex[:12]}"
    url = f"{server_at}/{name}?timeout=600"
    with raw_couchdb(url) as ask:
        try:
            with opened_core(url, folder / name) as core:
                if ask("GET", name)["doc_count"] < files:
                    _keep_views(ask, name)
                    _fill_together(url, files)
                _build(url)
                yield Filled(store="couchdb", files=files, url=url, core=core)
        finally:
            if not keep:
                for suffix in SUFFIXES:
                    ask("DELETE", name + suffix)


def _keep_views(ask: Any, name: str) -> None:
    """Remove the views that no list here reads: a server may build them at any time, for hours."""
    for key, design in DESIGNS.items():
        if key not in _VIEWS:
            found = ask("GET", name, "_design", design.name)
            if "_rev" in found:
                ask("DELETE", name, "_design", design.name, rev=found["_rev"])


def _build(url: str) -> None:
    """Start the builds of the views and wait for them."""
    location = location_of(url)
    server = Server(location)
    try:
        for key in _VIEWS:
            while not build(Database(server, location.database), DESIGNS[key]):
                pass
    finally:
        server.close()


def _fill_together(url: str, files: int) -> None:
    command = [sys.executable, "-m", "benchmarks.filling", url, "0", str(files)]
    processes = [subprocess.Popen([*command, str(stripe), str(_FILLERS)]) for stripe in range(_FILLERS)]
    failed = [process.wait() for process in processes]
    if any(failed):
        raise RuntimeError(f"cannot fill {url.partition(':')[0]}")
