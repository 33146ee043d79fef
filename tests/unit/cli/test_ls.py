"""``files ls`` and ``files rm``: lists and removals."""

from __future__ import annotations

from pathlib import Path

import pytest

from files_service.cli import records
from files_service.gateway.auth.bearer import make_token
from tests.cores import SECRETS, pending_file, processed_file
from tests.gateway.serving import Served
from tests.unit.cli.running import at, done, run


def test_all_pages_are_listed_and_a_limit_ends_them(alone: Served, environ: dict[str, str]) -> None:
    for _ in range(101):
        pending_file(alone.core)
    assert len(done(at(alone, environ), "ls", "--owner", "ann")) == 101
    assert len(done(at(alone, environ), "ls", "--owner", "ann", "--limit", "3")) == 3
    assert done(at(alone, environ), "ls") == []


def test_files_are_filtered_and_ordered(alone: Served, environ: dict[str, str]) -> None:
    processed_file(alone.core, b"1", name="b.txt", tags=["trip"])
    processed_file(alone.core, b"1", name="a.txt", tags=["trip"], access="public")
    processed_file(alone.core, b"1", name="c.txt")

    def names(*options: str) -> list[str]:
        return [file["name"] for file in done(at(alone, environ), "ls", "--owner", "ann", *options)]

    assert names() == ["c.txt", "a.txt", "b.txt"]
    assert names("--order-by", "name", "--order", "asc") == ["a.txt", "b.txt", "c.txt"]
    assert names("--tag", "trip") == ["a.txt", "b.txt"]
    assert names("--access", "public") == ["a.txt"]
    assert names("--search", "b.txt") == ["b.txt"]


def test_a_terminal_gets_a_line_for_each_file_in_which_no_name_moves_the_cursor(
    alone: Served, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = processed_file(alone.core, b"12345", name="b\u202etxt.exe", access="unlisted")
    pending_file(alone.core, name="later.bin")
    # The runner of commands takes the place of the terminal.
    monkeypatch.setattr(records, "is_terminal", lambda stream: True)
    result = run(at(alone, environ), "ls", "--owner", "ann")
    first, link, second = result.stdout.splitlines()
    assert first.startswith(f"{shown['file_id']}   5 bytes  2")
    assert first.endswith("unlisted  b\\u202etxt.exe")
    assert link == f"  http://127.0.0.1:{alone.port}/download/{shown['file_id']}"
    assert second.endswith("private   later.bin (pending)")
    assert run(at(alone, environ), "ls", "--owner", "ann", "--json").stdout.startswith("{")


def test_files_are_removed_by_id_and_alias_and_one_failure_does_not_stop_the_others(
    alone: Served, environ: dict[str, str]
) -> None:
    by_id, by_alias = processed_file(alone.core), processed_file(alone.core, alias="photo")
    result = run(at(alone, environ), "rm", "--owner", "ann", by_id["file_id"], "missing", "photo")
    assert result.exit_code == 1
    assert result.stdout == "".join(f"removed {each['file_id']} clip.bin\n" for each in (by_id, by_alias))
    assert result.stderr.startswith("not_found: ")
    assert result.stderr.count("missing") == 1
    assert "2 of 3 files removed, 1 failed" in result.stderr
    assert done(at(alone, environ), "ls", "--owner", "ann") == []


def test_files_are_named_by_their_paths_too(alone: Served, environ: dict[str, str], tmp_path: Path) -> None:
    first, _ = (
        processed_file(alone.core, name.encode(), name=name, path=f"Trips/{name}") for name in ("a.txt", "b.txt")
    )
    env = at(alone, environ)
    assert run(env, "get", "--owner", "ann", "Trips/a.txt", tmp_path / "copy").exit_code == 0
    assert (tmp_path / "copy").read_bytes() == b"a.txt"
    made = run(env, "share", "create", "--owner", "ann", "Trips/b.txt")
    assert made.exit_code == 0, made.output
    refused = run(env, "rm", "--owner", "ann", "Trips", "Trips/c", "Trips/a.txt")
    assert (refused.exit_code, refused.stdout) == (1, f"removed {first['file_id']} a.txt\n")
    assert refused.stderr.count("not_found: no file has this id, alias or path") == 2


def test_a_terminal_is_asked_before_a_file_is_removed(
    alone: Served, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, removed, last = (processed_file(alone.core) for _ in range(3))
    monkeypatch.setattr(records, "is_terminal", lambda stream: True)
    arguments = ["rm", kept["file_id"], removed["file_id"]]
    result = run(at(alone, environ), *arguments, keys="n\ny\n")
    assert result.exit_code == 0, result.output
    assert f"Remove clip.bin ({kept['file_id']})?" in result.output
    assert run(at(alone, environ), "rm", "--yes", last["file_id"]).exit_code == 0
    assert [file["file_id"] for file in alone.result("files.list", owner="ann")["files"]] == [kept["file_id"]]


def test_files_go_to_the_trash_without_a_question(
    alone: Served, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, pending = processed_file(alone.core), pending_file(alone.core)
    monkeypatch.setattr(records, "is_terminal", lambda stream: True)
    result = run(at(alone, environ), "rm", "--trash", kept["file_id"], pending["file_id"])
    assert result.stdout == f"trashed {kept['file_id']} clip.bin\nremoved {pending['file_id']} clip.bin\n"
    trashed = alone.result("files.list", owner="ann", trashed=True)["files"]
    assert [file["file_id"] for file in trashed] == [kept["file_id"]]


def test_a_file_of_another_owner_is_not_removed(alone: Served, environ: dict[str, str]) -> None:
    record = processed_file(alone.core, access="public")
    client = at(alone, environ) | {"FILES_TOKEN": make_token("bob", SECRETS["FILES_JWT_SECRET"], 60)}
    result = run(client, "rm", record["file_id"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: forbidden: ")
