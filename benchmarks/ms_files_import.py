"""Speed of imports from ms-files, their cost for both sides, and their memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from benchmarks.tables import Table
from tests.migrations.ms_files_keyspace import Generator
from tests.servers.redis import RedisServer, raw

FILES = int(os.environ.get("FILES_BENCH_IMPORT", "20000"))


def measure() -> Table:
    """Import a generated keyspace into Redis, then again without changes."""
    table = Table(
        title="Import from ms-files",
        columns=(
            "run",
            "files/s",
            "client CPU µs/file",
            "server CPU µs/file",
            "memory of the import MiB",
            "p99 of a script, ms",
        ),
        note=f"{FILES:,} generated files, old and new keys in one Redis, `python -m migrations import-ms-files`."
        " A script keeps the server from others as long as it runs.",
    )
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder), appendfsync="everysec") as server:
        with raw(server.url) as client:
            Generator(client, "ms-files").make(FILES)
        for title in ("first", "nothing changed"):
            table.rows.append((title, *_import(server.url, Path(folder))))
    return table


def _import(url: str, folder: Path) -> tuple[str, ...]:
    command = [sys.executable, "-m", "migrations", "import-ms-files", "--json", "--report", str(folder / "report")]
    with raw(url) as client:
        client.config_resetstat()
    before, began = _server_cpu(url), time.perf_counter()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    wrapper = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr);"
    wrapper += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", wrapper, *command],
        env={**os.environ, "FILES_METADATA_URL": url},
        capture_output=True,
        check=True,
    )
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
    assert sum(orjson.loads(done.stderr.splitlines()[-1])["outcomes"].values()) == FILES
    return (
        f"{FILES / seconds:,.0f}",
        f"{cpu / FILES * 1e6:,.0f}",
        f"{(_server_cpu(url) - before) / FILES * 1e6:,.0f}",
        f"{int(done.stdout) / 1024:,.0f}",
        f"{_script_p99(url):.1f}",
    )


def _script_p99(url: str) -> float:
    """Return the 99th percentile of a script's duration in milliseconds."""
    with raw(url) as client:
        found = client.info("latencystats")["latency_percentiles_usec_evalsha"]
        return float(found["p99"]) / 1_000


def _server_cpu(url: str) -> float:
    with raw(url) as client:
        used = client.info("cpu")
        return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])
