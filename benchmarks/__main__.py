"""``python -m benchmarks [rpc] [list] [blobs]``: run, print, and write docs/benchmarks.md when all were run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import blobs, listing, rpc
from benchmarks.tables import Table, machine

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BENCHMARKS: dict[str, Callable[[], list[Table]]] = {
    "rpc": rpc.measure,
    "list": lambda: [listing.measure()],
    "blobs": blobs.measure,
}


def main(names: list[str]) -> None:
    """Run the named benchmarks, all by default."""
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    tables = []
    for name in names or BENCHMARKS:
        for table in BENCHMARKS[name]():
            print(table.markdown(), flush=True)
            tables.append(table)
    if not names:
        head = "# Benchmarks\n\nWritten by `make bench`: each figure beside its peer or limit in the same run, on "
        DOCUMENT.write_text(f"{head}{machine()}.\n\n" + "\n".join(table.markdown() for table in tables))


if __name__ == "__main__":
    main(sys.argv[1:])
