"""``files mkdir``, ``files mv`` and ``files ls`` of a folder: places of files on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cores import SECRETS, call
from tests.gateway.serving import Served
from tests.unit.cli.running import at, run
from tests.unit.places.scenes import file_at, in_folder, paths_of


@pytest.fixture
def environ(served: Served, tmp_path: Path) -> dict[str, str]:
    """The environment of a client of the gateway."""
    return at(served, {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": "", **SECRETS})


def test_folders_are_made_filled_shown_and_moved(served: Served, environ: dict[str, str]) -> None:
    file_id = file_at(served.core, "x.txt", owner="me", alias="one")
    assert run(environ, "mkdir", "trips/2026", "trips/old/").stdout == "trips/2026/\ntrips/old/\n"
    assert run(environ, "mv", "one", "trips/2026/").stdout == f"{file_id} trips/2026/x.txt\n"
    assert run(environ, "mv", "trips/2026/x.txt", "trips/2026/y.txt").stdout == f"{file_id} trips/2026/y.txt\n"
    shown = [json.loads(line) for line in run(environ, "ls", "trips").stdout.splitlines()]
    assert [each["path"] for each in shown] == ["trips/2026", "trips/old"]
    assert len(run(environ, "ls", "trips", "--limit", "1").stdout.splitlines()) == 1
    refused = run(environ, "ls", "trips", "--tag", "x")
    assert (refused.exit_code, refused.stdout) == (2, "")
    [line] = run(environ, "ls", "trips/2026", "--json").stdout.splitlines()
    assert file_id in line
    moved = run(environ, "mv", "trips/2026/", "summer")
    assert moved.stdout == "moved trips/2026/ to summer/ (1 file)\n"
    assert paths_of(served.core, "me") == {"summer/y.txt": file_id}
    assert in_folder(served.core, owner="me") == ["summer/", "trips/"]


def test_what_cannot_be_moved_is_told(served: Served, environ: dict[str, str]) -> None:
    for path in ("a", "b"):
        file_at(served.core, path, owner="me")
    taken = run(environ, "mv", "a", "b", "--fail")
    assert (taken.exit_code, "path_taken" in taken.output) == (1, True)
    assert "not_found" in run(environ, "mv", "nowhere/", "b").output
    assert "bad_request" in run(environ, "mkdir", "../up").output
    assert set(paths_of(served.core, "me")) == {"a", "b"}
    assert call(served.core, "jobs.list", owner="me") == {"jobs": []}
