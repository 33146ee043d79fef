"""Report of a reconciliation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from files_service.errors import Conflict, FilesError, NotFound, storage_errors_as_files_errors
from storage_adapters import JSON


@dataclass(slots=True, kw_only=True)
class Report:
    """Results and errors of a reconciliation; a dry run reports what it would do.

    Entries are ids of files; those of ``orphans`` and ``unnamed`` are keys of blobs.
    """

    finished: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    requeued: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    absorbed: list[str] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    errors: list[JSON] = field(default_factory=list)

    @contextmanager
    def noting_errors(self, file_id: str) -> Iterator[None]:
        """Record the error of one file and continue with the others; a lost race is left to the next run."""
        try:
            with storage_errors_as_files_errors():
                yield
        except (Conflict, NotFound):
            return
        except FilesError as error:
            self.note(file_id, error)

    def note(self, file_id: str, error: FilesError) -> None:
        """Record an error of a file."""
        self.errors.append({"file_id": file_id, **error.to_wire()})
