"""Uploads of 10 KB by REST beside a bare handler, in one run, and where the time of one goes.

``python -m benchmarks small-uploads``; the machine should have nothing else to do.
"""

from __future__ import annotations

import http.client
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.processes import SECRETS, free_port, running, wait_for_port
from benchmarks.tables import Table, spread
from files_service.config import load_settings, read_config
from files_service.core import Core
from files_service.gateway.auth.bearer import make_token
from files_service.services.opening import open_core
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, begin
from files_service.services.uploads.whole import store_whole
from files_service.services.uploads.writer import Engine, Stream
from storage_adapters import MetadataStore, SupportsUploads
from storage_adapters.metadata.sqlite.group_commit import Group

SIZE = 10 * 1024
ROUNDS = 4
UPLOADS = 120
SENDERS = 8
SAMPLES = 100
_CALLS = [name for port in (MetadataStore, SupportsUploads) for name in vars(port) if name[0] != "_"]

Send = Callable[[int], None]


def measure(*, uploads: int = UPLOADS, rounds: int = ROUNDS) -> list[Table]:
    """Measure the rates of a gateway and of a bare handler in turns, and look into one upload."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port, bare = free_port(), free_port()
        (folder / "bare").mkdir()
        environ = {"FILES_DATA_DIR": str(folder / "data"), "FILES_HTTP": f"127.0.0.1:{port}"}
        with (
            running("-m", "files_service.cli", "gateway", log=folder / "gateway.log", **environ),
            running("-m", "benchmarks.peers.bare_handler", str(bare), str(folder / "bare"), log=folder / "bare.log"),
        ):
            sends: dict[str, Send] = {
                "bare handler": partial(_send, bare, False),
                "REST": partial(_send, port, False),
                "REST, in chunks": partial(_send, port, True),
            }
            for each in (port, bare):
                wait_for_port(each)
            for send in sends.values():
                send(20)
            rates = [_rates(sends, uploads, rounds, senders) for senders in (1, SENDERS)]
        return [_rate_table(rates), _where(folder / "inside")]


def _rate_table(rates: list[dict[str, list[float]]]) -> Table:
    table = Table(
        f"Uploads of {SIZE // 1024} KiB",
        ["by", "uploads/s, one sender", "of the bare handler", f"uploads/s, {SENDERS} senders", "of the bare handler"],
        note=(
            "The bare handler writes one file and syncs it. The service also declares the file, keeps a description "
            "beside the bytes, and has every name down to them, the record, its indexes and its changes on stable "
            "storage. A body without a length goes in chunks, as every body did before small ones were stored whole."
        ),
    )
    for name in rates[0]:
        row = [name]
        for each in rates:
            ratios = [one / other for one, other in zip(each[name], each["bare handler"], strict=True)]
            row += [spread(each[name]), spread(ratios, 3)]
        table.rows.append(row)
    return table


def _rates(sends: dict[str, Send], uploads: int, rounds: int, senders: int) -> dict[str, list[float]]:
    """Let all run in turns, each round beginning with another one."""
    rates: dict[str, list[float]] = {name: [] for name in sends}
    names = list(sends)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            threads = [threading.Thread(target=sends[name], args=(uploads // senders,)) for _ in range(senders)]
            start = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            rates[name].append(uploads // senders * senders / (time.perf_counter() - start))
    return rates


def _send(port: int, in_chunks: bool, count: int) -> None:
    token = make_token("bench", SECRETS["FILES_JWT_SECRET"], 86_400)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for _ in range(count):
        body = os.urandom(SIZE)
        connection.request("POST", "/api/files/upload?name=small", iter([body]) if in_chunks else body, headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 201, response.status
    connection.close()


def _where(folder: Path) -> Table:
    """Look at single uploads in this process, without HTTP."""
    environ = {"FILES_DATA_DIR": str(folder), **SECRETS}
    core = open_core(load_settings(read_config(environ=environ)))
    core = replace(core, settings=replace(core.settings, owner_uploads=100_000))
    engine = Engine(core, uploads_of(core))
    table = Table(
        f"Where the time of {SIZE // 1024} KiB goes, without HTTP",
        ["way", "ms", "calls of the metadata store", "commits", "ms in commits", "syncs of blobs", "ms in these"],
        note="Medians of one sender. Syncs of a blob run together, so that their times overlap.",
    )
    for name, upload in (("whole", _whole), ("in chunks", partial(_in_chunks, engine))):
        samples = [_sample(core, upload) for _ in range(SAMPLES)]
        columns = list(zip(*samples, strict=True))
        table.rows.append([name, *(spread(column, digits) for column, digits in zip(columns, _DIGITS, strict=True))])
    engine.close()
    core.close()
    return table


_DIGITS = (2, 0, 0, 2, 0, 2)


def _sample(core: Core, upload: Callable[[Core], None]) -> tuple[float, ...]:
    with _watched(core) as (counts, seconds):
        start = time.perf_counter()
        upload(core)
        total = time.perf_counter() - start
    return (
        total * 1e3,
        counts["call"],
        counts["commit"],
        seconds["commit"] * 1e3,
        counts["sync"],
        seconds["sync"] * 1e3,
    )


@contextmanager
def _watched(core: Core) -> Iterator[tuple[Counter[str], dict[str, float]]]:
    """Count and time what an upload makes others do."""
    counts, seconds = Counter[str](), {"call": 0.0, "commit": 0.0, "sync": 0.0}

    def watched(call: Callable[..., Any], what: str) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                counts[what] += 1
                seconds[what] += time.perf_counter() - start

        return run

    targets: list[tuple[Any, str, str]] = [(Group, "commit", "commit"), (os, "fsync", "sync")]
    targets += [(core.metadata, name, "call") for name in _CALLS]
    real = [getattr(target, name) for target, name, _ in targets]
    for (target, name, what), call in zip(targets, real, strict=True):
        setattr(target, name, watched(call, what))
    try:
        yield counts, seconds
    finally:
        for (target, name, _), call in zip(targets, real, strict=True):
            setattr(target, name, call)


def _whole(core: Core) -> None:
    store_whole(core, Beginning(owner="bench", size=SIZE, name="small"), os.urandom(SIZE))


def _in_chunks(engine: Engine, core: Core) -> None:
    stream = Stream(engine, begin(core, Beginning(owner="bench", size=SIZE, name="small")), 0)
    stream.write(os.urandom(SIZE))
    upload = stream.finish()
    complete(core, UploadSession(upload), engine.hash_of(upload))


if __name__ == "__main__":
    for each in measure():
        print(each.markdown(), flush=True)
