"""``files ingest``: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from files_service.domain.sizes import shown_size
from files_service.gateway.auth.bearer import make_token
from tests.cores import SECRETS
from tests.gateway.serving import Served
from tests.ingest.cards import GOPRO, fill
from tests.unit.cli.running import at, run


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A folder that looks like a card."""
    fill(tmp_path / "card", GOPRO)
    return tmp_path / "card"


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment whose configuration and state are those of the test alone."""
    return {
        **environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "FILES_TOKEN": "",
    }


def test_a_folder_is_taken_as_a_card_and_the_verdict_is_printed(
    served: Served, environ: dict[str, str], card: Path
) -> None:
    result = run(at(served, environ), "ingest", card, "--plain", "--owner", "ann", "--wait-seconds", "1")
    assert result.exit_code == 0, result.output
    # With one copy the best verdict is that the files are copied; without one there is none yet.
    assert "6 new, 0 known, 0 failed" in result.stdout
    files = served.result("files.list", owner="ann", limit=100)["files"]
    assert {each["name"] for each in files} >= {"GX010123.MP4", "GX020123.MP4", "GOPR0122.JPG"}
    assert all(each["path"].startswith("Cards/") for each in files)


def test_a_dry_run_shows_clips_and_bytes_and_sends_nothing(served: Served, environ: dict[str, str], card: Path) -> None:
    result = run(at(served, environ), "ingest", card, "--dry-run")
    assert result.exit_code == 0, result.output
    size = sum(len(content) for name, content in GOPRO.items() if not name.startswith("Get_started"))
    assert f"would send 6 files, {shown_size(size)}; known: 0" in result.stdout
    assert "left out as junk: Get_started_with_GoPro.url" in result.stdout
    assert served.result("files.count", owner="me")["total"] == 0
    assert served.result("cards.sessions", owner="me")["sessions"] == []
    shown = json.loads(run(at(served, environ), "ingest", card, "--dry-run", "--json").stdout)
    assert (shown["files"], shown["bytes"], shown["new_bytes"], shown["known"]) == (6, size, size, 0)
    assert len(shown["clips"]) == 3


def test_a_folder_without_media_is_said_to_have_no_clips(environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in ("notes.txt", "report.pdf"):
        (folder / name).write_bytes(b"text")
    assert ": 2 files, 8 B\n" in run(environ, "ingest", folder, "--dry-run").stdout
    (folder / "a.mov").write_bytes(b"text")
    assert ": 3 files, 1 clip, 12 B\n" in run(environ, "ingest", folder, "--dry-run").stdout


def test_a_dry_run_needs_no_service(environ: dict[str, str], card: Path) -> None:
    result = run(environ, "ingest", card, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "the service was not asked: no gateway answers" in result.stdout


def test_each_event_is_a_json_object(served: Served, environ: dict[str, str], card: Path) -> None:
    result = run(at(served, environ), "ingest", card, "--json", "--wait-seconds", "0")
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["event"] for each in events] == ["planned", "sorted", *["file"] * 6, "second_read", "verdict"]
    assert (events[-1]["ending"], events[-1]["uploaded"], events[-1]["failed"]) == ("complete", 6, 0)


def test_a_missing_token_is_refused_with_advice(environ: dict[str, str], card: Path) -> None:
    result = run({**environ, "FILES_PUBLIC_URL": "http://127.0.0.1:9", "FILES_JWT_SECRET": ""}, "ingest", card)
    assert result.exit_code == 5, result.output
    assert "there is no token" in result.output
    assert "files token OWNER" in result.output


def test_a_token_that_is_not_accepted_is_refused(served: Served, environ: dict[str, str], card: Path) -> None:
    token = make_token("ann", f"not {SECRETS['FILES_JWT_SECRET']}", 3_600)
    result = run({**at(served, environ), "FILES_TOKEN": token}, "ingest", card, "--plain")
    assert result.exit_code == 5, result.output
    assert "REFUSED: unauthorized" in result.stdout
    assert token not in result.output


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_a_state_folder_that_cannot_be_used_is_named(
    served: Served, environ: dict[str, str], card: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "state").write_bytes(b"")
    result = run(at(served, environ), "ingest", card, *more)
    assert (result.exit_code, f"cannot use the folder {tmp_path}/state/files: Not a dir" in result.output) == (5, True)
    (tmp_path / "state").unlink()
    (tmp_path / "state/files").mkdir(parents=True)
    (tmp_path / "state/files/cards.sqlite").write_bytes(b"rubbish" * 1_000)
    result = run(at(served, environ), "ingest", card, *more)
    assert (result.exit_code, "files: file is not a database\nMake room" in result.output) == (5, True)


def test_a_failed_file_is_named_and_makes_the_exit_status_3(
    served: Served, environ: dict[str, str], card: Path
) -> None:
    (card / "link").symlink_to(card / "MISC")
    result = run(at(served, environ), "ingest", card, "--plain", "--wait-seconds", "0")
    assert result.exit_code == 3, result.output
    assert "6 new, 0 known, 1 failed" in result.stdout
