"""``files share``: links made, listed and revoked on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cores import SECRETS, processed_file
from tests.gateway.serving import Served
from tests.people.links import PASSWORD, Visitor
from tests.unit.cli.running import at, run


@pytest.fixture
def environ(served: Served, tmp_path: Path) -> dict[str, str]:
    """The environment of a client of the gateway."""
    return at(served, {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": "", **SECRETS})


def test_links_are_made_listed_and_revoked(served: Served, environ: dict[str, str]) -> None:
    file_id = processed_file(served.core, owner="me", alias="trip")["file_id"]
    made = run(environ, "share", "create", "trip", "--title", "Our trip", "--days", "3", "--downloads", "2")
    assert made.exit_code == 0, made.output
    visitor = Visitor(served, made.stdout.strip())
    assert visitor.json().json["title"] == "Our trip"
    assert visitor.download(file_id).body == b"content"
    [line] = run(environ, "share", "list").stdout.splitlines()
    share_id, state, *used, url = line.split()
    assert (state, used, url) == ("active", ["1", "of", "2"], made.stdout.strip())
    assert run(environ, "share", "revoke", share_id).stdout == f"revoked {share_id}\n"
    assert visitor.get().status == 410
    assert " revoked " in run(environ, "share", "list").stdout


def test_a_password_is_asked_for_and_never_an_argument(served: Served, environ: dict[str, str]) -> None:
    processed_file(served.core, owner="me", alias="trip")
    made = run(environ, "share", "create", "trip", "--password", keys=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    visitor = Visitor(served, made.stdout.splitlines()[-1])
    assert visitor.get().status == 401
    assert visitor.unlock().status == 303


def test_what_cannot_be_shared_or_revoked_is_told(served: Served, environ: dict[str, str]) -> None:
    processed_file(served.core, owner="ann", alias="trip")
    for arguments in (("create", "trip"), ("revoke", "nothing")):
        failed = run(environ, "share", *arguments)
        assert failed.exit_code == 1
        assert failed.output.startswith("Error: not_found: ")
    assert run(environ, "share", "list").stdout == ""


def test_folders_are_shared_and_files_asked_for(served: Served, environ: dict[str, str]) -> None:
    made = run(environ, "share", "create", "--folder", "in", "--kind", "drop", "--qr")
    assert made.exit_code == 0, made.output
    link, *code = made.stdout.splitlines()
    assert Visitor(served, link).json().json["kind"] == "drop"
    assert len(code) > 10
    assert set("".join(code)) & set("▀▄█")
    failed = run(environ, "share", "create", "--folder", "none")
    assert failed.output.startswith("Error: not_found: ")
    assert run(environ, "share", "create").output.startswith("Error: bad_request: ")
