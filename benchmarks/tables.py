"""Tables for the terminal and for docs/benchmarks/, and the spread of repeated figures."""

from __future__ import annotations

import os
import platform
import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of text cells; ``note`` describes the measurement."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""

    def markdown(self) -> str:
        """Render the table as Markdown."""
        note = textwrap.wrap(self.note, 120, break_long_words=False, break_on_hyphens=False)
        lines = [f"## {self.title}", "", *([*note, ""] if note else [])]
        lines += [_row(self.columns), _row(["---"] * len(self.columns)), *(_row(row) for row in self.rows)]
        return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Format the median, with least and greatest in brackets."""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def busy() -> str:
    """Describe what else the machine does: times that were measured meanwhile are longer than they would be."""
    return f"Load average of the machine at the end: {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores."


def machine() -> str:
    """Describe the machine in one line, without its name."""
    pages, page_size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    memory = round(pages * page_size / 2**30)
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory} GiB, {system}"
