"""The capability by which a copy is told from a store that was emptied, made anew, or filled by somebody else."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod

from storage_adapters.ports.schemas import SupportsMigrations

_IDENTITY = "identity"


class SupportsIdentity(ABC):
    """Notes that stand and fall with the records: small texts that are lost when the records are.

    A note is no file and no document: it is in no list, no sum and no feed, and replication leaves it where it is.
    """

    @abstractmethod
    def read_note(self, name: str) -> str:
        """Return a note, "" when there is none. Writes nothing."""

    @abstractmethod
    def write_note(self, name: str, *, expected: str, text: str) -> bool:
        """Replace the note ``expected`` ("" = there is none), durably; return False when it is another.

        A text is never "": notes are replaced, and not removed.
        """

    def identity(self, *, make: bool = False) -> str:
        """Return the random name that the store has had since it was made, "" when it has none.

        With ``make``, a store without one gets one. A store that lost its records has lost its name as well.
        """
        while True:
            found = self.read_note(_IDENTITY)
            if found or not make:
                return found
            self.write_note(_IDENTITY, expected="", text=secrets.token_hex(16))


class NotesInJournal(SupportsMigrations, SupportsIdentity):
    """Notes in the journal, of a store whose journal is lost with the records."""

    def read_note(self, name: str) -> str:
        """See ``SupportsIdentity``."""
        return (self.read_journal(name) or b"").decode()

    def write_note(self, name: str, *, expected: str, text: str) -> bool:
        """See ``SupportsIdentity``."""
        return self.write_journal(name, expected=expected.encode() or None, document=text.encode())
