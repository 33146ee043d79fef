"""Outcomes of a command on several files: a failure is told at once and does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from files_service.cli.remote import NotSignedIn, Unreachable
from files_service.cli.session import Failed, failure_of
from files_service.errors import FilesError
from files_service.runtime.terminal import echo, printable


class Outcomes:
    """Count of failures. Without a gateway or a token no other file succeeds: these failures pass."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self.failed = 0

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Report the failure of one file with its name; one that is the only one raises Failed."""
        try:
            yield
        except (Unreachable, NotSignedIn):
            raise
        except FilesError as error:
            self._note(name, failure_of(error), error)
        except Failed as error:
            self._note(name, error, error)

    def note(self, name: str, reason: str) -> None:
        """Report a failure that has no exception."""
        self._note(name, Failed(f"cannot read {printable(name)}: {reason}"), None)

    def _note(self, name: str, failure: Failed, cause: Exception | None) -> None:
        if not self._several:
            raise failure from cause
        self.failed += 1
        text = printable(name)
        echo(failure.message if text in failure.message else f"{text}: {failure.message}", err=True)

    def end(self, text: str) -> None:
        """Print the summary of several files, and exit with status 1 after a failure."""
        if self._several:
            echo(f"{text}, {self.failed} failed" if self.failed else text, err=True)
        if self.failed:
            raise SystemExit(1)
