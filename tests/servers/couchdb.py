"""A private server of CouchDB's protocol: in its own folder, on a free loopback port. Can be killed and started again.

CouchDB itself is in no Debian release; pouchdb-server, an npm package, speaks its protocol. What a real one does
otherwise is kept out of the store, whose tests run unchanged against the CouchDB of COUCHDB_URL.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from storage_adapters.metadata.couchdb.location import location_of
from storage_adapters.metadata.couchdb.server import Server
from tests.servers.ports import free_ports
from tests.servers.private import PrivateServer

# Of a machine that does much else: where a server of all tests does not start, all of them fail.
START_SECONDS = 300
SUFFIXES = ("", "_feed", "_state", "_uploads", "_documents")
USER = "admin:admin"
PRELOADED = Path(__file__).with_name("pouchdb_preload.js")


def installed_server() -> Path:
    """Where `.ci/servers` puts pouchdb-server."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "files-service" / "pouchdb-server" / "node_modules" / ".bin" / "pouchdb-server"


class CouchServer(PrivateServer):
    """One server; ``url`` stays the same when it is started again. On the disk, or only in memory."""

    def __init__(self, folder: Path, *, on_disk: bool = True) -> None:
        self._folder = folder
        self._on_disk = on_disk
        (self.port,) = free_ports(1)
        self.url = f"couchdb://{USER}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and return when it answers."""
        node, script = shutil.which("node"), installed_server()
        if node is None or not script.exists():
            raise RuntimeError("pouchdb-server is needed: make servers, or set COUCHDB_URL to a CouchDB")
        self._folder.mkdir(parents=True, exist_ok=True)
        # It writes a line for each request, and reads its log again to print it.
        config = {"admins": dict([USER.split(":")]), "log": {"level": "none"}}
        (self._folder / "config.json").write_text(json.dumps(config))
        where = ["--dir", str(self._folder)] if self._on_disk else ["--in-memory"]
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        output = (self._folder / "output").open("ab")
        with output:
            self._process = subprocess.Popen(
                # What it makes for one request would outlive a nursery of the usual size.
                [
                    node,
                    "--max-semi-space-size=64",
                    "--require",
                    str(PRELOADED),
                    str(script),
                    "--no-stdout-logs",
                    *address,
                    *where,
                ],
                cwd=self._folder,
                # Else an anonymous write, or a filter that it does not know, would end it.
                env={**os.environ, "NODE_OPTIONS": "--unhandled-rejections=warn"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "output").read_text(errors="replace")[-4_000:]
                self.kill()
                raise RuntimeError(f"pouchdb-server did not start:\n{log}")
            time.sleep(0.02)


def server_url(url: str) -> str:
    """The form of the stores' URLs, of COUCHDB_URL in whatever form it is given."""
    parts = urlsplit(url)
    scheme = {"http": "couchdb", "https": "couchdbs"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}"


@contextmanager
def raw(url: str) -> Iterator[Any]:
    """Ask the server as any other program does: ``raw(url)("GET", "database", "document")``."""
    server = Server(location_of(url))

    def ask(method: str, *path: str, body: Any = None, **params: str) -> Any:
        return server.request(method, *path, body=body, params=params, allowed=(404, 409, 412))[1]

    try:
        yield ask
    finally:
        server.close()


@contextmanager
def throw_away(url: str, *, timeout_seconds: int = 60) -> Iterator[str]:
    """The URL of databases that nobody else uses; they are removed in the end."""
    name = f"files-test-{uuid.uuid4().hex}"
    store_url = f"{url}/{name}?timeout={timeout_seconds}"
    yield store_url
    with raw(store_url) as ask:
        for suffix in SUFFIXES:
            ask("DELETE", name + suffix)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
