"""Display of the card watcher: bars and questions on a terminal, lines, or JSON."""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import ExitStack

import orjson
from rich.markup import escape
from rich.progress import Progress as Bars

from files_service.cli.card_progress import BarProgress, JsonProgress, PlainProgress, bars, card_name
from files_service.ingest.card import Card
from files_service.ingest.progress import Progress
from files_service.ingest.watching import Answer, Ask, Notice
from files_service.runtime.terminal import echo, printable

_KEY_SECONDS = 0.3
_ANSWERS = {"o": Answer.ONCE, "a": Answer.ALWAYS, "i": Answer.IGNORE}


class Display:
    """Lines for people, on standard error."""

    ask: Ask | None = None

    def line(self, text: str) -> None:
        """Print one line."""
        echo(text, err=True)

    def tell(self, notice: Notice) -> None:
        """Print what the watcher tells."""
        self.line(notice.text)

    def progress(self, card: Card) -> Progress:
        """Return what shows one card."""
        return _NamedLines(card_name(card))


class _NamedLines(PlainProgress):
    """Lines that begin with the name of their card."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._title = name

    def said(self, text: str) -> None:
        """Print a line."""
        super().said(text if text.startswith(f"{self._title}: ") else f"{self._title}: {text}")


class JsonDisplay(Display):
    """A JSON object for each event, on standard output."""

    def line(self, text: str) -> None:
        """Print a line as an event."""
        echo(orjson.dumps({"event": text}).decode())

    def tell(self, notice: Notice) -> None:
        """Print what the watcher tells."""
        card, volume = notice.card, notice.volume
        said = {
            "event": notice.kind,
            "text": notice.text,
            "root": str(volume.root) if volume else None,
            **({name: getattr(card, name) for name in ("card_id", "label", "camera", "serial")} if card else {}),
        }
        echo(orjson.dumps(said).decode())

    def progress(self, card: Card) -> Progress:
        """Return what shows one card."""
        return JsonProgress(card_id=card.card_id)


class BarDisplay(Display):
    """Bars on a terminal, at which a person is asked about unknown cards."""

    def __init__(self, shown: Bars) -> None:
        self._shown, self._turn = shown, threading.Lock()
        self.ask = self._ask if sys.stdin.isatty() and os.name == "posix" else None

    def line(self, text: str) -> None:
        """Print one line above the bars."""
        self._shown.console.print(escape(printable(text)))

    def progress(self, card: Card) -> Progress:
        """Return what shows one card."""
        return BarProgress(self._shown)

    def _ask(self, card: Card, stop: threading.Event) -> Answer | None:
        """Ask about one card at a time; return None when it is removed, or nobody is there to answer."""
        while not stop.is_set():
            if self._turn.acquire(timeout=_KEY_SECONDS):
                break
        else:
            return None
        try:
            # The bars would be drawn over the question.
            self._shown.stop()
            return self._answer(card_name(card), stop)
        finally:
            self._shown.start()
            self._turn.release()

    def _answer(self, name: str, stop: threading.Event) -> Answer | None:
        while True:
            echo(f"Take {name}? once (o), always (a), ignore (i): ", nl=False, err=True)
            while not select.select([sys.stdin], [], [], _KEY_SECONDS)[0]:
                if stop.is_set():
                    echo(err=True)
                    return None
            line = sys.stdin.readline()
            if not line:
                return None
            if (answer := _ANSWERS.get(line.strip().lower()[:1])) is not None:
                return answer


def open_display(stack: ExitStack, *, plain: bool, as_json: bool) -> Display:
    """Return the display of a run: bars on a terminal. ``stack`` ends it."""
    if as_json:
        return JsonDisplay()
    if plain or not sys.stderr.isatty():
        return Display()
    return BarDisplay(stack.enter_context(bars()))
