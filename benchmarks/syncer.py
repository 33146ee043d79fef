"""The syncer from Redis to CouchDB: copying beside a bare loop of ``_bulk_docs``, and its lag under writes.

``python -m benchmarks.syncer URL`` is the writer of the second measurement.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.comparisons import compare
from benchmarks.drivers import driving
from benchmarks.filling import fill, records
from benchmarks.processes import running
from benchmarks.tables import Table, percentile, spread
from storage_adapters import FileRecord, MetadataStore, open_metadata_store, sync_name
from syncer.metrics import Metrics
from syncer.pair import Pair, pair_of
from syncer.syncer import Syncer
from tests.servers.couchdb import CouchServer, server_url, throw_away
from tests.servers.redis import RedisServer

FILES = 20_000
ROUNDS = 3
RATE = 1_000
SECONDS = 300.0
_BATCH = 500
_SAMPLE_SECONDS = 0.005
_PATIENCE_SECONDS = 120.0


def measure(*, files: int = FILES, rounds: int = ROUNDS, rate: int = RATE, seconds: float = SECONDS) -> Iterator[Table]:
    """Measure rates beside the bare loop, then the lag under a steady load, then comparisons by number of files."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(RedisServer(folder / "redis", appendfsync="everysec"))
        given = os.environ.get("COUCHDB_URL")
        couchdb = server_url(given) if given else stack.enter_context(CouchServer(folder / "couchdb")).url
        yield _rates(redis.url, couchdb, files=files, rounds=rounds)
        yield _lag(redis.url, couchdb, folder, rate=rate, seconds=seconds)
        yield compare(redis.url, couchdb, folder)


def _rates(redis: str, couchdb: str, *, files: int, rounds: int) -> Table:
    table = Table(
        f"The syncer from Redis to CouchDB, {files:,} files",
        ["work", "bare `_bulk_docs` files/s", "syncer files/s", "ratio, round by round"],
        note=(
            f"{rounds} rounds, each side once a round in turns, into new databases of the same server, both with the "
            "store's design documents (some servers look at them with every write). The bare loop "
            f"sends the documents that the syncer made, encoded beforehand, {_BATCH} a request, one request after the "
            "other. Backfill: files that Redis holds. Feed: one change of each, which the loop sends with the revision "
            "it writes over. Goal: 0.8."
        ),
    )
    figures: dict[str, list[tuple[float, float]]] = {"backfill": [], "feed": []}
    for number in range(rounds):
        with _pair(f"{redis}?prefix=rates{number}", couchdb) as (pair, target_url):
            source: Any = pair.source
            made = list(records(0, files))
            fill(source, made)
            # Without a change the feed has no position to continue from.
            _change(source, made[:1])
            syncer = Syncer(pair, Metrics())
            backfill = _until_caught_up(syncer)
            documents = _documents(target_url)
            _change(source, made[1:])
            feed = _until_caught_up(syncer)
            syncer.give_up()
            changed = _documents(target_url)
        with throw_away(couchdb) as bare_url, closing(_bare(bare_url)) as bare:
            revs, seconds = bare.load(documents, {})
            figures["backfill"].append((len(documents) / seconds, files / backfill))
            _, seconds = bare.load(changed, revs)
            figures["feed"].append((len(changed) / seconds, files / feed))
    for work, pairs in figures.items():
        bare_rates, rates = [each for each, _ in pairs], [each for _, each in pairs]
        ratios = [ours / theirs for theirs, ours in pairs]
        table.rows.append([work, spread(bare_rates), spread(rates), spread(ratios, 2)])
    return table


@contextmanager
def _pair(source_url: str, couchdb: str) -> Iterator[tuple[Pair, str]]:
    with throw_away(couchdb) as target_url:
        source, target = open_metadata_store(source_url), open_metadata_store(target_url)
        pair = pair_of(source, target, source_name="", name=sync_name(target_url))
        try:
            yield pair, target_url
        finally:
            pair.close()


def _change(source: Any, made: Sequence[FileRecord]) -> None:
    for record in made:
        source.save(
            replace(record, name=f"{record.name}."), expected_revision=record.revision, changed_at=1, event="updated"
        )


def _until_caught_up(syncer: Syncer) -> float:
    started = time.perf_counter()
    while not (syncer.step() and syncer.is_caught_up):
        pass
    return time.perf_counter() - started


def _documents(url: str) -> list[dict[str, Any]]:
    """Return all documents of files in a database, as they were written."""
    with closing(_Bare(url)) as bare:
        rows = bare.ask("GET", "/_all_docs?include_docs=true")["rows"]
    return [
        {name: value for name, value in row["doc"].items() if name != "_rev"}
        for row in rows
        if not row["id"].startswith("_design")
    ]


def _bare(url: str) -> _Bare:
    """Create a database as the store does, without the store."""
    open_metadata_store(url).close()
    return _Bare(url)


class _Bare:
    """One connection to one database, without a store."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
        token = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        self._path = parts.path

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Send a request; return the answer."""
        self._connection.request(method, self._path + path, body, self._headers)
        return json.loads(self._connection.getresponse().read())

    def load(self, documents: Sequence[dict[str, Any]], revs: dict[str, str]) -> tuple[dict[str, str], float]:
        """Send all documents; return their revisions and the duration."""
        wanted = [{**each, "_rev": revs[each["_id"]]} if each["_id"] in revs else each for each in documents]
        batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
        bodies = [json.dumps({"docs": batch}).encode() for batch in batches]
        rows: list[dict[str, str]] = []
        started = time.perf_counter()
        for body in bodies:
            rows += self.ask("POST", "/_bulk_docs", body)
        seconds = time.perf_counter() - started
        return {row["id"]: row["rev"] for row in rows}, seconds

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _lag(redis: str, couchdb: str, folder: Path, *, rate: int, seconds: float) -> Table:
    table = Table(
        f"How far the syncer is behind, at {rate:,} writes a second for {seconds:g} s",
        ["writes/s", "lag p50 ms", "p99 ms", "most ms"],
        note=(
            "The writer, `python -m syncer run` and this process are three processes beside both servers. A write's "
            f"lag is from its acknowledgement until the checkpoint is seen behind it, looking every "
            f"{_SAMPLE_SECONDS * 1000:g} ms. Goal for p99: 1 000."
        ),
    )
    source_url = f"{redis}?prefix=lag"
    with ExitStack() as stack:
        target_url = stack.enter_context(throw_away(couchdb))
        source: Any = stack.enter_context(closing(open_metadata_store(source_url)))
        _change(source, [replace(next(records(0, 1)), file_id="first", revision=0)])
        command = ("-m", "syncer", "run", "--source", source_url, "--target", target_url)
        stack.enter_context(running(*command, log=folder / "syncer.log"))
        consumer = f"sync:{sync_name(target_url)}"
        end = time.monotonic() + _PATIENCE_SECONDS
        while not source.checkpoint(consumer):
            if time.monotonic() > end:
                raise SystemExit((folder / "syncer.log").read_text()[-2_000:] or "the syncer copies nothing")
            time.sleep(0.05)
        written_at, seen = _watch(source, consumer, source_url, rate=rate, seconds=seconds)
    places = [place for place, _ in seen]
    lags = sorted((seen[bisect_left(places, place)][1] - at) * 1000 for place, at in enumerate(written_at, start=2))
    achieved = len(written_at) / (written_at[-1] - written_at[0])
    table.rows.append(
        [
            f"{achieved:,.0f}",
            f"{statistics.median(lags):,.0f}",
            f"{percentile(lags, 0.99):,.0f}",
            f"{lags[-1]:,.0f}",
        ]
    )
    return table


def _watch(
    source: Any, consumer: str, url: str, *, rate: int, seconds: float
) -> tuple[list[float], list[tuple[int, float]]]:
    """Run the writer and sample the checkpoint until it has passed the last write."""
    seen: list[tuple[int, float]] = []
    with driving([sys.executable, "-m", "benchmarks.syncer", url]) as writer, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(writer.ask, rate=rate, seconds=seconds)
        end = time.monotonic() + seconds + _PATIENCE_SECONDS
        while not (answer.done() and seen and seen[-1][0] > len(answer.result()["at"])):
            if time.monotonic() > end:
                raise SystemExit(f"the syncer lags by more than {_PATIENCE_SECONDS:g} s")
            time.sleep(_SAMPLE_SECONDS)
            place = int(source.checkpoint(consumer))
            if not seen or place > seen[-1][0]:
                seen.append((place, time.time()))
    return answer.result()["at"], seen


def _write(store: MetadataStore, *, rate: int, seconds: float) -> list[float]:
    """Make and change files at a rate; return when each write was acknowledged."""
    made, at = list(records(1, 1 + rate)), []
    saved: dict[int, FileRecord] = {}
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        wait = started + number / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        place = number % len(made)
        record = saved.get(place, made[place])
        now = time.time()
        saved[place] = store.save(
            record, expected_revision=record.revision if place in saved else 0, changed_at=int(now * 1000), event=None
        )
        at.append(time.time())
    return at


def main() -> None:
    """Answer write requests, one per line."""
    with closing(open_metadata_store(sys.argv[1])) as store:
        for line in sys.stdin:
            print(json.dumps({"at": _write(store, **json.loads(line))}), flush=True)


if __name__ == "__main__":
    main()
