"""``files mkdir``, ``files mv`` and ``files ls`` of a folder: places of files on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from files_service.cli.mv import _tell
from files_service.cli.session import Failed
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


def test_a_file_that_stays_is_told_with_its_reason_and_makes_the_exit_status_1(
    served: Served, environ: dict[str, str]
) -> None:
    kept, moved = (file_at(served.core, path, owner="me") for path in ("from/kept", "from/moved"))
    call(served.core, "files.update", file_id=kept, changes={"immutable": True})
    result = run(environ, "mv", "from/", "there")
    assert (result.exit_code, result.stdout) == (1, "moved from/ to there/ (1 file, 1 stay)\n")
    assert result.stderr.startswith(f"{kept} stays: immutable: ")
    assert paths_of(served.core, "me") == {"from/kept": kept, "there/moved": moved}


def test_a_move_that_was_cancelled_is_no_move(served: Served, environ: dict[str, str]) -> None:
    for number in range(101):
        file_at(served.core, f"many/{number}", owner="me")
    job = call(served.core, "folders.move", owner="me", path="many", to="other", request_id="r")
    call(served.core, "jobs.cancel", job_id=job["job_id"])
    with pytest.raises(Failed, match="many/ to other/ was cancelled"):
        _tell(call(served.core, "jobs.info", job_id=job["job_id"]))


def test_what_cannot_be_moved_is_told(served: Served, environ: dict[str, str]) -> None:
    for path in ("a", "b"):
        file_at(served.core, path, owner="me")
    taken = run(environ, "mv", "a", "b", "--fail")
    assert (taken.exit_code, "path_taken" in taken.output) == (1, True)
    assert "not_found" in run(environ, "mv", "nowhere/", "b").output
    assert "bad_request" in run(environ, "mkdir", "../up").output
    assert set(paths_of(served.core, "me")) == {"a", "b"}
    assert call(served.core, "jobs.list", owner="me") == {"jobs": []}
