"""Bytes of removed versions: a retention keeps them, and no others."""

from __future__ import annotations

import pytest

from files_service.core import Core
from files_service.services.versions import garbage
from tests.clocks import Clock
from tests.cores import call, processed_file
from tests.unit.protection import protect
from tests.unit.versions.scenes import bring_to_rest, named_keys, new_version, stored_keys


def test_a_retention_keeps_bytes_of_removed_versions_and_no_others(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "BATCH", 2)
    records = [processed_file(core, b"one") for _ in range(4)]
    former = {record["parts"][0]["key"] for record in records}
    protected = protect(monkeypatch, core)
    protected |= {record["parts"][0]["key"] for record in records[:3]}
    for record in records:
        new_version(core, record["file_id"], b"second")
        call(core, "versions.remove", file_id=record["file_id"], version_id=record["file_id"])
    bring_to_rest(core, clock)
    assert stored_keys(core) & former == protected
    bring_to_rest(core, clock, days=3)
    assert stored_keys(core) & former == protected
    protected.clear()
    bring_to_rest(core, clock)
    assert stored_keys(core) == named_keys(core)
