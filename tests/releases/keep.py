"""Keeps stores that a release filled: ``python -m tests.releases.keep VERSION CHECKOUT``, with Python 3.11.

Writes into ``tests/data/VERSION/``: a SQLite file, the keys of Redis, the documents of CouchDB, and what each store
answered. Done once for each release, by a checkout of it.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

from tests.releases.dumps import dump_couchdb, dump_redis, dump_sqlite
from tests.servers import couchdb, redis

FILES = 60
DATA = Path(__file__).parent.parent / "data"


def filled_by(checkout: Path, url: str, files: int) -> bytes:
    """Have the code of a checkout fill a store; return what it answers as JSON."""
    script = Path(__file__).with_name("fill.py")
    environ = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, str(script), url, str(files)], cwd=checkout, env=environ, check=True, stdout=subprocess.PIPE
    )
    return done.stdout


def keep(name: str, content: bytes, folder: Path) -> None:
    """Write a file of the kept data."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))


def kept(version: str, name: str) -> bytes:
    """Read a file of the kept data."""
    return gzip.decompress((DATA / version / f"{name}.gz").read_bytes())


def main(version: str, checkout: Path) -> None:
    """Fill a store of each kind and keep it."""
    folder = DATA / version
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "files.db"
        keep("sqlite.json", filled_by(checkout, f"sqlite:///{path}", FILES), folder)
        keep("sqlite.db", dump_sqlite(path), folder)
        with redis.RedisServer(Path(scratch) / "redis") as server, redis.throw_away(server.url) as url:
            keep("redis.json", filled_by(checkout, url, FILES), folder)
            keep("redis.keys.json", orjson.dumps(dump_redis(url)), folder)
        with couchdb.CouchServer(Path(scratch) / "couchdb") as other, couchdb.throw_away(other.url) as url:
            keep("couchdb.json", filled_by(checkout, url, FILES), folder)
            keep("couchdb.documents.json", orjson.dumps(dump_couchdb(url)), folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).resolve())
