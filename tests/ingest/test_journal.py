"""The memory of a machine about cards: it keeps what is of use, and does not grow for ever."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from files_service.ingest import catalogue as catalogues
from files_service.ingest.catalogue import Catalogue, Found, Sought
from files_service.ingest.database import Database
from files_service.ingest.entries import Entry, FileState
from files_service.ingest.journal import KEPT_MS, Journal, NotedUpload
from files_service.ingest.reader import State
from tests.gateway.serving import Served
from tests.ingest.bringing import bring, footage
from tests.ingest.cards import fill


def counts(database: Database) -> dict[str, int]:
    tables = ("sessions", "uploads", "entries", "known")
    return {each: database.rows(f"SELECT count(*) FROM {each}")[0][0] for each in tables}


def test_sessions_that_are_over_or_whose_card_does_not_come_back_are_forgotten(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        for card in ("away", "waiting", "done"):
            journal = Journal(database, service="s", owner="ann", card_id=card)
            journal.open()
            journal.note_upload("a", NotedUpload(State(1, 1), 1))
            journal.note_entries([Entry(path="a", size=1, mtime_ns=1, state=FileState.UPLOADED, file_id="f")])
        journal.end()
        with database.writing() as connection:
            connection.execute("UPDATE sessions SET started_at = started_at - ? WHERE card_id = 'away'", (KEPT_MS + 1,))
        Journal(database, service="s", owner="ann", card_id="next").open()
        assert counts(database) == {"sessions": 2, "uploads": 1, "entries": 1, "known": 0}
        waiting = Journal(database, service="s", owner="ann", card_id="waiting")
        waiting.open()
        assert [each.path for each in waiting.entries()] == ["a"]


def test_the_catalogue_keeps_the_newest_files(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "MOST_KNOWN", 4)
    with closing(Database(tmp_path / "state")) as database:
        catalogue = Catalogue(database, service="another", owner="ann")
        catalogue.add([(Sought(f"{at}", 1, at, "k"), Found("f", at, "", "")) for at in range(10)])
        fill(tmp_path / "card", footage(count=1))
        bring(served, tmp_path / "card", tmp_path / "state")
        assert counts(database)["known"] == 4
        kept = [catalogue.find(Sought(f"{at}", 1, at, "k")) is not None for at in range(10)]
        assert kept == [False] * 9 + [True]
