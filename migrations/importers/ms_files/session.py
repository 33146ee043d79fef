"""One run of the import, with lease, checkpoint in the target's journal, and report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from files_service.runtime.clock import now_ms
from migrations.importers.ms_files import model
from migrations.importers.ms_files.importing import Import, document_name
from migrations.importers.ms_files.report import Report
from migrations.journal import Journal
from migrations.lease import LEASE_MS, MigrationLease
from migrations.run import DEFAULT_BATCH, Pace, Progress, Run
from migrations.runner import runner_name
from migrations.stores import TargetStore
from storage_adapters import JSON, Keyspace


def source_url(source: str | None, store: str) -> str:
    """Return the URL to read: the source, or the server of the store; the prefix defaults to that of ms-files."""
    parts = urlsplit(source or store)
    options = parse_qsl(parts.query)
    if source is None:
        options = [(name, value) for name, value in options if name != "prefix"]
    if "prefix" not in dict(options):
        options.append(("prefix", model.DEFAULT_PREFIX))
    return urlunsplit(parts._replace(query=urlencode(options)))


@dataclass(kw_only=True)
class ImportSession:
    """Options of an import."""

    source: Keyspace
    target: TargetStore
    report_path: Path | None = None
    rehearse: bool = False
    overwrite: bool = False
    remove_missing: bool = False
    batch: int = DEFAULT_BATCH
    pace: Pace
    show: Callable[[Progress], None] = lambda _: None
    clock: Callable[[], int] = now_ms
    lease_ms: int = LEASE_MS

    def carry_out(self) -> JSON:
        """Run to the end, or to the next checkpoint after a stop request. Return the totals.

        ``continued`` tells of a run that went on with one that was interrupted, by the same options: what has changed
        in its part since then is imported by the next run.
        """
        run = Run(store=self.target, batch=self.batch, pace=self.pace, show=self.show)
        if self.rehearse:
            # A rehearsal writes nothing, not even the lease; it reads beside running processes.
            return {**self._import(run), "continued": False}
        holder = runner_name()
        with MigrationLease(self.target, holder, clock=self.clock, lease_ms=self.lease_ms) as lease:
            journal = Journal(self.target, document_name(self.source))
            content = journal.content
            content["runner"] = holder
            options = {"overwrite": self.overwrite, "remove_missing": self.remove_missing}
            if content.get("finished_at") is not None or content.get("options", options) != options:
                content.update(finished_at=None, checkpoint={}, notes={})
            content["options"] = options
            run.checkpoint = content.setdefault("checkpoint", {})
            run.notes = content.setdefault("notes", {})
            is_continued = bool(run.checkpoint)
            run.check, run.write = lease.check, journal.write
            journal.write()
            totals = {**self._import(run), "continued": is_continued}
            content.update(finished_at=self.clock(), totals=totals)
            journal.write()
            return totals

    def _import(self, run: Run) -> JSON:
        begun = run.notes.get("counts") if run.checkpoint else None
        with Report(self.report_path, begun) as report:
            Import(
                source=self.source,
                target=self.target,
                report=report,
                rehearse=self.rehearse,
                is_blank=self.rehearse and self.target.schema().empty,
                overwrite=self.overwrite,
                remove_missing=self.remove_missing,
                clock=self.clock,
            ).carry_out(run)
            return report.shown()
