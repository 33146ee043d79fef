"""The step for documents: adds what is missing, and on the way back leaves a feed that an older version can read."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from migrations.errors import Differences, NeedsOffline
from storage_adapters import Change, Document, MetadataStore, SupportsChanges, SupportsDocuments, open_metadata_store
from tests.adapters import sqlite_files
from tests.contract.document_scenes import NOW, make_document, put
from tests.contract.metadata_scenes import make_record, save
from tests.migrations.stores import fill, runner_on

STEP = 7


class Kept(MetadataStore, SupportsChanges, SupportsDocuments):
    """A store with a feed and documents."""


def opened(url: str) -> Kept:
    store: Kept = open_metadata_store(url)  # type: ignore[assignment]
    return store


def add_document(url: str) -> Document:
    with closing(opened(url)) as store:
        document = put(store, make_document(names=("ann",), order="x"))
        save(store, make_record("between"))
        return put(store, document, body={"more": 1})


def test_the_way_back_keeps_documents_and_takes_their_changes_out_of_the_feed(url: str) -> None:
    fill(url)
    with runner_on(url) as runner:
        runner.up(offline=True)
    document = add_document(url)
    with runner_on(url) as runner:
        step = next(step for step in runner.steps if step.number == STEP)
        assert runner.examine(step, applied=False) == ["the feed still tells of documents"]
        with pytest.raises(NeedsOffline, match=str(STEP)):
            runner.down(to=STEP - 1)
        runner.down(to=STEP - 1, offline=True)
        assert runner.examine(step, applied=False) == []
    with closing(opened(url)) as store:
        changes = store.changes(after="", limit=1_000)
        assert len(changes) == 41
        assert all(isinstance(change, Change) for change in changes)
        assert store.get_document(*document.key, now=NOW) == document
        save(store, make_record("later"))
        assert len(store.changes(after=changes[-1].sequence, limit=9)) == 1
    with runner_on(url) as runner:
        runner.up(offline=True)
        runner.verify()
    with closing(opened(url)) as store:
        assert store.resolve_document("accounts", "ann", now=NOW) == document


def test_a_sqlite_file_that_lacks_the_tables_has_the_step_due_and_verify_names_them(tmp_path: Path) -> None:
    path = tmp_path / "files.db"
    url = f"sqlite:///{path}"
    fill(url)
    with runner_on(url) as runner:
        runner.up(offline=True)
        assert not any(step["due"] for step in runner.status()["steps"])
    with sqlite_files.raw(path) as connection:
        connection.execute("DROP INDEX documents_due")
        connection.execute("DROP TABLE document_names")
    with runner_on(url) as runner:
        assert [step["step"] for step in runner.status()["steps"] if step["due"]] == [STEP]
        with pytest.raises(Differences, match="step 7: index documents_due is missing\nstep 7: table document_names"):
            runner.verify()
        runner.up()
        runner.verify()
    add_document(url)
