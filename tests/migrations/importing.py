"""Runs imports in this process, and compares what came of them with the truth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from migrations.importers.ms_files.session import ImportSession
from migrations.run import Pace, Progress
from migrations.stores import is_target
from storage_adapters import JSON, FileRecord, open_keyspace, open_metadata_store, open_store_of_any_schema
from tests.migrations.ms_files_keyspace import Truth


def import_files(
    source: str,
    target: str,
    report: Path | None = None,
    *,
    show: Callable[[Progress], None] = lambda _: None,
    **options: Any,
) -> JSON:
    """Import once; returns the totals."""
    rehearsed = bool(options.get("rehearse"))
    opened: object = open_store_of_any_schema(target) if rehearsed else open_metadata_store(target)
    assert is_target(opened)
    with closing(opened) as store, closing(open_keyspace(source)) as keyspace:
        session = ImportSession(
            source=keyspace,
            target=store,
            report_path=report,
            pace=options.pop("pace", Pace()),
            batch=options.pop("batch", 200),
            show=show,
            **options,
        )
        return session.carry_out()


def all_records(url: str) -> list[FileRecord]:
    """Every record of a store."""
    records: list[FileRecord] = []
    with closing(open_metadata_store(url)) as store:
        assert is_target(store)
        position = ""
        while True:
            batch, position = store.scan(after=position, limit=500)
            records += batch
            if not position:
                return records


def reported(path: Path) -> set[tuple[str, str]]:
    """The oddities of a report."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {(line["kind"], line["name"]) for line in lines}


def assert_as_in(truth: Truth, url: str, *, ignoring: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Counts by owner, tag, access and status are those of the source; ``ignoring`` are owners of the new side."""
    records = [record for record in all_records(url) if record.owner not in ignoring]
    assert {record.file_id for record in records} == truth.files
    assert Counter(record.owner for record in records) == truth.owners
    assert Counter((record.owner, tag) for record in records for tag in record.tags) == truth.tags
    assert Counter(record.access.value for record in records) == truth.accesses
    assert Counter(record.status.value for record in records) == truth.statuses
    with closing(open_metadata_store(url)) as store:
        for owner, files in truth.owners.items():
            usage = store.usage(owner)
            assert (usage.total.files, usage.total.bytes) == (files, truth.bytes[owner])
        for (owner, alias), file_id in truth.aliases.items():
            assert store.resolve(owner, "alias", [alias]) == [file_id]
