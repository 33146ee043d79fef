"""``python -m benchmarks [NAME …]``: run, print, and write docs/benchmarks.md when all were run in full."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import blobs, doors, listing, ms_files_import, rpc, signing, syncer
from benchmarks.tables import Table, machine

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BENCHMARKS: dict[str, Callable[[argparse.Namespace], Iterable[Table]]] = {
    "rpc": lambda options: rpc.measure(),
    "list": lambda options: listing.measure(
        sizes=options.sizes or listing.SIZES,
        stores=options.stores or listing.STORES,
        rounds=options.rounds or listing.ROUNDS,
        folder=options.folder,
    ),
    "blobs": lambda options: blobs.measure(),
    "doors": lambda options: doors.measure(),
    "ms-files": lambda options: [ms_files_import.measure()],
    "signing": lambda options: signing.measure(),
    "syncer": lambda options: syncer.measure(),
}


def main() -> None:
    """Run the named benchmarks, all by default."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    tables = []
    for name in options.names or BENCHMARKS:
        for table in BENCHMARKS[name](options):
            print(table.markdown(), flush=True)
            tables.append(table)
    if not (options.names or options.sizes or options.stores or options.rounds):
        head = "# Benchmarks\n\nWritten by `make bench`: each figure beside its peer or limit in the same run, on "
        DOCUMENT.write_text(f"{head}{machine()}.\n\n" + "\n".join(table.markdown() for table in tables))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--sizes", type=_sizes, help="list: how many files, as in 10k,100k,1M")
    parser.add_argument("--stores", type=_stores, help=f"list: of {','.join(listing.STORES)}")
    parser.add_argument("--rounds", type=int, help="list: how often everything is measured")
    parser.add_argument("--folder", type=Path, help="list: keep the filled stores there, and use them again")
    return parser


def _sizes(text: str) -> list[int]:
    units = {"k": 1_000, "M": 1_000_000}
    return [int(size.rstrip("kM")) * units.get(size[-1], 1) for size in text.split(",")]


def _stores(text: str) -> list[str]:
    stores = text.split(",")
    if unknown := set(stores) - set(listing.STORES):
        raise argparse.ArgumentTypeError(f"no store {', '.join(sorted(unknown))}")
    return stores


if __name__ == "__main__":
    main()
