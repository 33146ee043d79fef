"""``python -m benchmarks [NAME …]``: run, print, and write a page per benchmark into docs/benchmarks/.

Only a run at full size writes a page; lists of some stores have pages of their own.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import (
    attacks,
    blobs,
    card_mounts,
    doors,
    encryption,
    folder_move,
    ingest,
    large_card,
    large_file,
    listing,
    ms_files_import,
    nodes,
    pages,
    people,
    queue,
    relay,
    rpc,
    s3,
    signing,
    small_uploads,
    syncer,
    tasks,
    writes,
)
from benchmarks.tables import Table, machine
from tests.servers.couchdb import raw, server_url

PAGES = Path(__file__).parent.parent / "docs" / "benchmarks"
BENCHMARKS: dict[str, Callable[[argparse.Namespace], Iterable[Table]]] = {
    "rpc": lambda options: rpc.measure(),
    "list": lambda options: listing.measure(
        sizes=options.sizes or listing.SIZES,
        stores=options.stores or listing.STORES,
        rounds=options.rounds or listing.ROUNDS,
        folder=options.folder,
    ),
    "attacks": lambda options: attacks.measure(),
    "blobs": lambda options: blobs.measure(),
    "card-mounts": lambda options: card_mounts.measure(),
    "doors": lambda options: doors.measure(),
    "encryption": lambda options: encryption.measure(),
    "folder-move": lambda options: folder_move.measure(stores=options.stores or folder_move.STORES),
    "ingest": lambda options: ingest.measure(),
    "large-card": lambda options: large_card.measure(),
    "large-file": lambda options: large_file.measure(),
    "ms-files": lambda options: [ms_files_import.measure()],
    "nodes": lambda options: nodes.measure(rounds=options.rounds or nodes.ROUNDS),
    "pages": lambda options: pages.measure(
        files=(options.sizes or [pages.FILES])[0], rounds=options.rounds or pages.ROUNDS
    ),
    "people": lambda options: people.measure(
        sizes=options.sizes or people.SIZES,
        stores=options.stores or people.STORES,
        rounds=options.rounds or people.ROUNDS,
        calls=options.calls or people.CALLS,
    ),
    "queue": lambda options: queue.measure(),
    "relay": lambda options: relay.measure(),
    "s3": lambda options: s3.measure(),
    "small-uploads": lambda options: small_uploads.measure(),
    "signing": lambda options: signing.measure(),
    "syncer": lambda options: syncer.measure(),
    "tasks": lambda options: tasks.measure((options.sizes or [tasks.VIDEO_BYTES])[0]),
    "writes": lambda options: writes.measure(),
}


def main() -> None:
    """Run the named benchmarks, by default all."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}")
    for name in options.names or BENCHMARKS:
        tables = []
        for table in BENCHMARKS[name](options):
            print(table.markdown(), flush=True)
            tables.append(table)
        if not options.sizes:
            stores = options.stores or listing.STORES
            with_couchdb = name == "syncer" or (name in ("list", "people") and "couchdb" in stores)
            page = "-".join([name, *(options.stores or [])]) if name == "list" else name
            _write(page, tables, with_couchdb=with_couchdb)


def _write(name: str, tables: Iterable[Table], *, with_couchdb: bool) -> None:
    PAGES.mkdir(exist_ok=True)
    couchdb = f"; in the place of CouchDB: {_couchdb()}" if with_couchdb else ""
    head = (
        f"# Benchmark: {name}\n\nWritten by `python -m benchmarks`: each figure beside its peer or limit in the same "
        f"run.\nMeasured on {dt.datetime.now(dt.UTC):%Y-%m-%d} on {machine()}{couchdb}.\n"
    )
    (PAGES / f"{name}.md").write_text("\n".join([head, *(table.markdown() for table in tables)]))


def _couchdb() -> str:
    given = os.environ.get("COUCHDB_URL")
    if not given:
        return "pouchdb-server"
    with raw(f"{server_url(given)}/any") as ask:
        return f"CouchDB {ask('GET', '')['version']}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--sizes", type=_sizes, help="list: numbers of files, as in 10k,100k,1M; no page is written")
    parser.add_argument("--stores", type=_stores, help=f"list: of {','.join(listing.STORES)}")
    parser.add_argument("--rounds", type=int, help="list: number of rounds")
    parser.add_argument("--calls", type=int, help="people: number of calls in a round")
    parser.add_argument("--folder", type=Path, help="list: folder of the filled stores, kept and reused")
    return parser


def _sizes(text: str) -> list[int]:
    units = {"k": 1_000, "M": 1_000_000}
    return [int(size.rstrip("kM")) * units.get(size[-1], 1) for size in text.split(",")]


def _stores(text: str) -> list[str]:
    stores = text.split(",")
    if unknown := set(stores) - set(listing.STORES):
        raise argparse.ArgumentTypeError(f"unknown store: {', '.join(sorted(unknown))}")
    return stores


if __name__ == "__main__":
    main()
