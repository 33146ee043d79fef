"""Bars of days and the names of kinds, for the pages that show storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from storage_adapters import JSON

WIDTH, HEIGHT, GAP = 600, 120, 2
_LEAST = 2
KINDS = {
    "image": "Pictures",
    "video": "Videos",
    "audio": "Sound",
    "document": "Documents",
    "archive": "Archives",
    "other": "Other files",
}


class Bar(NamedTuple):
    """A bar of a chart, in its units."""

    x: float
    y: float
    width: float
    height: float


def bars_of(days: Sequence[JSON]) -> list[Bar]:
    """Return a bar for each day by the bytes that were made on it; any at all can be seen."""
    most = max((each["used"] for each in days), default=0)
    step = WIDTH / max(1, len(days))
    bars = []
    for number, each in enumerate(days):
        height = max(_LEAST, HEIGHT * each["used"] / most) if each["used"] else 0
        bars.append(Bar(round(number * step, 1), round(HEIGHT - height, 1), round(step - GAP, 1), round(height, 1)))
    return bars


def kinds_of(by_kind: Mapping[str, JSON]) -> list[tuple[str, JSON]]:
    """Return the kinds of which there are files, the largest first, under their names for people."""
    found = [(label, by_kind[kind]) for kind, label in KINDS.items() if by_kind.get(kind, {}).get("count")]
    return sorted(found, key=lambda each: -each[1]["bytes"])
