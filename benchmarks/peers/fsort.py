"""The peer of the list benchmark: the npm package redis-filtered-sort on the same Redis, with the same files.

Files are stored as its users store them: a hash per file, a set of ids per index. The driver is ``fsort.cjs``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.drivers import Driver, driving
from storage_adapters import JSON, FileRecord

PACKAGES = ("redis-filtered-sort@2.5.0", "ioredis@5.11.1")
ALL, PUBLIC = "files-index", "files-index-pub"
_DRIVER = Path(__file__).with_suffix(".cjs")
_BATCH = 1_000


def of_owner(owner: str) -> str:
    """Return the index of an owner's files."""
    return f"{ALL}:{owner}"


def list_of(
    index: str, *, tags: Sequence[str] = (), filters: JSON | None = None, offset: int = 0, limit: int = 20
) -> JSON:
    """Describe a list for the driver."""
    return {"index": index, "tags": list(tags), "filter": filters or {}, "offset": offset, "limit": limit}


def driver(port: int) -> AbstractContextManager[Driver]:
    """Run the driver against the Redis of a port."""
    return driving(["node", str(_DRIVER), str(port)], **{**os.environ, "NODE_PATH": str(_install())})


def times(peer: Driver, wanted: JSON, *, calls: int, fresh: bool) -> list[float]:
    """Read a page ``calls`` times and return the durations in milliseconds."""
    taken: list[float] = peer.ask(list=wanted, calls=calls, fresh=fresh)["times"]
    return taken


def fill(port: int, files: Iterable[FileRecord]) -> float:
    """Write files into the Redis of a port; return its memory per file in bytes."""
    made, number = iter(files), 0
    with Redis(port=port) as client:
        before = used_memory(client)
        while batch := list(islice(made, _BATCH)):
            pipeline = client.pipeline(transaction=False)
            for record in batch:
                pipeline.hset(f"files-data:{record.file_id}", mapping=_hash(record))
                for index in _indexes(record):
                    pipeline.sadd(index, record.file_id)
            pipeline.execute()
            number += len(batch)
        return (used_memory(client) - before) / number


def used_memory(client: Redis) -> int:
    """Return the memory of Redis' data."""
    return int(client.info("memory")["used_memory"])


def _hash(record: FileRecord) -> dict[str | bytes, Any]:
    return {
        "uploadId": record.file_id,
        "owner": record.owner,
        "name": record.name,
        "startedAt": record.created_at,
        "uploadedAt": record.uploaded_at or "",
        "contentType": record.content_type,
        "contentLength": record.size,
        "status": record.status.value,
        "parts": len(record.parts),
        "tags": json.dumps(record.tags),
        "files": json.dumps([{"filename": p.key, "contentLength": p.size, "md5Hash": p.md5} for p in record.parts]),
        **({"public": "1"} if record.publicly_listed else {}),
        **({"description": record.meta["description"]} if "description" in record.meta else {}),
    }


def _indexes(record: FileRecord) -> Iterator[str]:
    yield ALL
    yield of_owner(record.owner)
    yield from (f"files-index-tags:{tag}" for tag in record.tags)
    if record.publicly_listed:
        yield PUBLIC
        yield f"{of_owner(record.owner)}:pub"


def _install() -> Path:
    """Install the pinned packages into the cache, once; return the folder of modules."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "files-service" / "redis-filtered-sort"
    modules = cache / "node_modules"
    installed = cache / "installed"
    if installed.exists() and installed.read_text() == " ".join(PACKAGES):
        return modules
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("the peer needs node and npm")
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "package.json").write_text('{"private": true}')
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    subprocess.run([npm, "install", *options, *PACKAGES], cwd=cache, check=True)
    installed.write_text(" ".join(PACKAGES))
    return modules
