"""docs/rpc.md describes every event that is announced, and what it carries."""

from __future__ import annotations

import re
from pathlib import Path

from files_service.domain.lifecycle import ANNOUNCED
from files_service.worker.relay import payload_of
from storage_adapters import SupportsChanges
from tests.cores import memory_core, processed_file
from tests.docs.pages import ROOT, plain, read, rows, section
from tests.feeds import file_changes

EVENTS = section(read("docs/rpc.md"), "Events")


def test_every_event_is_documented() -> None:
    sources = [path.read_text() for path in (ROOT / "files_service").rglob("*.py")]
    named = {event for source in sources for event in re.findall(r"\bevent=\"(\w+)\"", source)}
    announced = {event for event in ANNOUNCED.values() if event}
    documented = {plain(row["event"]) for row in rows(EVENTS, "event", "when")}
    assert documented == named | announced


def test_the_payload_is_the_record_and_the_fields_of_the_table(tmp_path: Path) -> None:
    core = memory_core(tmp_path)
    record = processed_file(core)
    assert isinstance(core.metadata, SupportsChanges)
    change = file_changes(core.metadata, after="", limit=100)[-1]
    payload = payload_of(change)
    more = {plain(row["field"]) for row in rows(EVENTS, "field", "meaning")}
    assert set(payload) == set(record) | more
    assert payload["event_id"] == record["change_token"]
    core.close()
