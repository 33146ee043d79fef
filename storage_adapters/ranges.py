"""Sets of byte ranges: sorted, disjoint, adjacent ranges merged. Pure."""

from __future__ import annotations

from bisect import bisect_right


class Ranges:
    """Received ranges of an upload, as (start, end) with the end excluded."""

    def __init__(self, ranges: list[tuple[int, int]] | None = None) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges or []:
            self.add(start, end)

    def as_list(self) -> list[tuple[int, int]]:
        """Return the ranges in order."""
        return list(zip(self._starts, self._ends, strict=True))

    @property
    def contiguous(self) -> int:
        """Number of bytes from the beginning to the first gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    def overlaps(self, start: int, end: int) -> bool:
        """Return True when any byte of a range is present."""
        # Only the last range that begins before the end can overlap.
        last = bisect_right(self._starts, end - 1) - 1
        return last >= 0 and start < end and self._ends[last] > start

    def add(self, start: int, end: int) -> None:
        """Add a range. Raises ValueError when it overlaps."""
        if self.overlaps(start, end):
            raise ValueError(f"{start}-{end} overlaps a range")
        if start >= end:
            return
        index = bisect_right(self._starts, start)
        if index and self._ends[index - 1] == start:
            index -= 1
            self._ends[index] = end
        else:
            self._starts.insert(index, start)
            self._ends.insert(index, end)
        if index + 1 < len(self._starts) and self._starts[index + 1] == end:
            self._ends[index] = self._ends.pop(index + 1)
            self._starts.pop(index + 1)

    def gaps(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the missing parts of a range."""
        missing, place = [], start
        for index in range(max(0, bisect_right(self._starts, start) - 1), len(self._starts)):
            if self._starts[index] >= end or place >= end:
                break
            if self._starts[index] > place:
                missing.append((place, self._starts[index]))
            place = max(place, self._ends[index])
        if place < end:
            missing.append((place, end))
        return missing
