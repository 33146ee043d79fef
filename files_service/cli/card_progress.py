"""Progress of cards on a terminal, as lines, or as JSON."""

from __future__ import annotations

import time
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from files_service.domain.sizes import number_of, shown_size
from files_service.ingest.card import Card
from files_service.ingest.entries import Entry, FileState
from files_service.ingest.progress import Progress, Sorting
from files_service.runtime.terminal import echo, printable

LINE_SECONDS = 10.0


def card_name(card: Card) -> str:
    """Return the name of a card for people."""
    return printable(card.label or card.camera or card.card_id[:8])


def shown_plan(files: int, clips: int, size: int) -> str:
    """Return what a card has, for people."""
    counted = f"{number_of(clips, 'clip')}, " if clips else ""
    return f"{number_of(files, 'file')}, {counted}{shown_size(size)}"


class Counts:
    """Numbers of files by what became of them."""

    def __init__(self) -> None:
        self.new = self.known = self.failed = self.files = 0

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.new} new, {self.known} known{failed} of {self.files}"

    def begin(self, found: Sorting) -> None:
        """Count the files that are there already."""
        self.new, self.known = found.brought.files, found.known.files

    def add(self, entry: Entry) -> None:
        """Count a file."""
        match entry.state:
            case FileState.UPLOADED:
                self.new += 1
            case FileState.KNOWN:
                self.known += 1
            case _:
                self.failed += 1


def bars() -> Bars:
    """Make the bars of all cards of a process; they are a context manager."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)


class BarProgress(Progress):
    """A bar for the card, and one for each file on its way."""

    def __init__(self, shown: Bars) -> None:
        self._shown, self._counts, self._name = shown, Counts(), ""
        self._card: TaskID | None = None
        self._second: TaskID | None = None
        self._files: dict[str, tuple[TaskID, int]] = {}

    def planned(self, card: Card, *, files: int, size: int, clips: int) -> None:
        """Show what the card has."""
        self._name, self._counts.files = card_name(card), files
        self._card = self._shown.add_task(self._text(), total=size)

    def sorted(self, found: Sorting) -> None:
        """Show what is new and what is known."""
        self._counts.begin(found)
        assert self._card is not None
        # Bytes that need not be sent say nothing of the rate.
        self._shown.update(self._card, total=found.new.bytes, description=self._text())

    def began(self, path: str, size: int) -> None:
        """Show that a file is being sent."""
        self._files[path] = (self._shown.add_task(f"  {escape(printable(path))}", total=size), 0)

    def moved(self, path: str, count: int) -> None:
        """Show acknowledged bytes."""
        task, done = self._files[path]
        self._files[path] = (task, done + count)
        self._shown.advance(task, count)
        assert self._card is not None
        self._shown.advance(self._card, count)

    def ended(self, entry: Entry) -> None:
        """Show what became of a file."""
        task, done = self._files.pop(entry.path, (None, 0))
        if task is not None:
            self._shown.remove_task(task)
        self._counts.add(entry)
        assert self._card is not None
        self._shown.update(self._card, description=self._text())
        # A file that was sent twice, or not to its end, counts as one.
        self._shown.advance(self._card, entry.size - done)
        if not entry.state.is_safe:
            self.said(_fault(entry))

    def reread(self, count: int, size: int) -> None:
        """Show the second reading."""
        if self._second is None:
            self._second = self._shown.add_task(f"{escape(self._name)} second reading", total=size)
        self._shown.advance(self._second, count)

    def said(self, text: str) -> None:
        """Show a line."""
        self._shown.console.print(escape(printable(text)))

    def _text(self) -> str:
        return escape(f"{self._name} {self._counts}")


class PlainProgress(Progress):
    """A line for each file, and one from time to time."""

    def __init__(self) -> None:
        self._counts, self._size, self._done = Counts(), 0, 0
        self._began = self._last = time.monotonic()

    def planned(self, card: Card, *, files: int, size: int, clips: int) -> None:
        """Show what the card has."""
        self._counts.files = files
        self.said(f"{card_name(card)}: {shown_plan(files, clips, size)}")

    def sorted(self, found: Sorting) -> None:
        """Show what is new and what is known."""
        self._counts.begin(found)
        self._size, self._began = found.new.bytes, time.monotonic()
        kinds = [("new", found.new), ("known", found.known)]
        if found.brought.files:
            kinds.append(("brought by an earlier run", found.brought))
        self.said(", ".join(f"{tally.files} {kind} ({shown_size(tally.bytes)})" for kind, tally in kinds))

    def moved(self, path: str, count: int) -> None:
        """Show acknowledged bytes."""
        self._done += count
        now = time.monotonic()
        if now - self._last >= LINE_SECONDS:
            self._last = now
            rate = self._done / (now - self._began)
            # More comes than was sorted where a file is sent twice.
            left = max(0, self._size - self._done) / rate if rate else 0
            done = f"{shown_size(self._done)} of {shown_size(self._size)}"
            self.said(f"{done}, {shown_size(round(rate))}/s, {left:.0f} s left")

    def ended(self, entry: Entry) -> None:
        """Show what became of a file."""
        self._counts.add(entry)
        self.said(f"{entry.state}  {entry.path}" if entry.state.is_safe else _fault(entry))

    def reread(self, count: int, size: int) -> None:
        """Show the second reading."""
        if not count:
            self.said(f"second reading of {shown_size(size)}")

    def said(self, text: str) -> None:
        """Show a line."""
        echo(text, err=True)


class JsonProgress(Progress):
    """A JSON object for each event, on standard output; ``card_id`` is in each where several cards are shown."""

    def __init__(self, card_id: str = "") -> None:
        self._always = {"card_id": card_id} if card_id else {}

    def planned(self, card: Card, *, files: int, size: int, clips: int) -> None:
        """Show what the card has."""
        self._print("planned", card_id=card.card_id, label=card.label, files=files, clips=clips, bytes=size)

    def sorted(self, found: Sorting) -> None:
        """Show what is new and what is known."""
        self._print(
            "sorted",
            **{
                name: number
                for kind, tally in (("new", found.new), ("known", found.known), ("brought", found.brought))
                for name, number in ((kind, tally.files), (f"{kind}_bytes", tally.bytes))
            },
        )

    def ended(self, entry: Entry) -> None:
        """Show what became of a file."""
        self._print("file", **entry.to_wire())

    def reread(self, count: int, size: int) -> None:
        """Show the second reading."""
        if not count:
            self._print("second_read", bytes=size)

    def said(self, text: str) -> None:
        """Show a line."""
        self._print("message", text=text)

    def _print(self, event: str, **said: Any) -> None:
        echo(orjson.dumps({"event": event, **self._always, **said}).decode())


def _fault(entry: Entry) -> str:
    ranges = ", ".join(f"{start}-{end}" for start, end in entry.ranges)
    where = f" (bytes {ranges})" if ranges else ""
    return f"{entry.state}  {entry.path}: {entry.reason or 'no reason'}{where}"
