"""Sets of byte ranges: sorted, disjoint, neighbours merged. Pure."""

from __future__ import annotations

from bisect import bisect_right


class Ranges:
    """What has arrived of something; ranges are (start, end) with the end excluded."""

    def __init__(self, ranges: list[tuple[int, int]] | None = None) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges or []:
            self.add(start, end)

    def as_list(self) -> list[tuple[int, int]]:
        """The ranges in order."""
        return list(zip(self._starts, self._ends, strict=True))

    @property
    def contiguous(self) -> int:
        """How many bytes lie at the beginning without a gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    def overlaps(self, start: int, end: int) -> bool:
        """Whether any byte of a range is there."""
        # The last range that begins before the end is the only one that could reach in.
        last = bisect_right(self._starts, end - 1) - 1
        return last >= 0 and start < end and self._ends[last] > start

    def add(self, start: int, end: int) -> None:
        """Put a range in. Raises ValueError when some of it is there."""
        if self.overlaps(start, end):
            raise ValueError(f"some of {start}-{end} is there")
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
        """What is missing of a range."""
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
