"""A process dies between any two writes of an upload that shares chunks: nothing of others is lost, nothing stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from tests.cores import call
from tests.unit.fused import Fuse, fused
from tests.unit.killable import Killed
from tests.unit.lost_bytes import chunked_file
from tests.unit.shared_chunks import DATA, bytes_of, chunk_keys, encrypting_core, new_key, sweep_all

KEY = new_key()


def _send(core: Core, anns: str) -> object:
    return chunked_file(core, DATA, "bob@acme")


def _copy(core: Core, anns: str) -> object:
    return call(core, "files.clone", file_id=anns, owner="bob@acme", request_id="once")


def _copy_across(core: Core, anns: str) -> object:
    return call(core, "files.clone", file_id=anns, owner="eve@other", request_id="once")


def _remove(core: Core, anns: str) -> None:
    file_id = chunked_file(core, DATA, "bob@acme")["file_id"]
    call(core, "files.remove", file_id=file_id)
    sweep_all(core)


def _first(core: Core, anns: str) -> object:
    """The first upload of a tenant: its key, its domain and the document of the domain are made."""
    return chunked_file(core, DATA, "eve@other")


@pytest.mark.parametrize("act", [_send, _copy, _copy_across, _remove, _first])
def test_a_death_between_two_writes_loses_and_leaves_nothing(tmp_path: Path, act: Any) -> None:
    last, ended = 0, False
    while not ended:
        last += 1
        core = encrypting_core(tmp_path / str(last), KEY)
        anns = str(chunked_file(core, DATA, "ann@acme")["file_id"])
        try:
            with fused(core, Fuse(last)):
                act(core, anns)
            ended = True
        except Killed:
            pass
        sweep_all(core)
        assert bytes_of(core, anns) == DATA, last
        # The repetition finds whatever the first try has left.
        act(core, anns)
        for file_id in [record["file_id"] for record in call(core, "files.list")["files"]]:
            assert bytes_of(core, file_id) == DATA
            call(core, "files.remove", file_id=file_id)
        sweep_all(core)
        for _ in range(2):
            call(core, "files.sync", deep=True)
        assert chunk_keys(core) == [], last
        core.close()
    assert last > 5
