"""files.upload, called again: once more, by many at once, late."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import (
    AliasTaken,
    Conflict,
    FilesError,
    NotFound,
)
from storage_adapters import JSON
from tests.cores import (
    announced,
    at,
    at_once,
    attempt,
    call,
    meanwhile,
    pending_file,
    processed_file,
    refusal,
    uploaded_file,
    writes,
)

PART = {"size": 3}
DECLARATION: dict[str, Any] = {"owner": "ann", "name": "clip.bin", "parts": [PART]}


def test_repeating_a_request_gives_the_same_file_and_no_second_event(core: Core) -> None:
    first = call(core, "files.upload", **DECLARATION, request_id="r", alias="a")
    second = call(core, "files.upload", **DECLARATION, request_id="r", alias="a")
    assert first["file_id"] == second["file_id"]
    assert (first["revision"], second["revision"]) == (1, 1)
    assert announced(core) == ["created"]


def test_without_a_request_id_every_call_makes_a_file(core: Core) -> None:
    assert len({call(core, "files.upload", **DECLARATION)["file_id"] for _ in range(3)}) == 3


def test_a_request_id_is_the_owners_own(core: Core) -> None:
    files = {pending_file(core, owner=owner, request_id="r")["file_id"] for owner in ("ann", "bob")}
    assert len(files) == 2


@pytest.mark.parametrize("parts", [[{"size": 4}], [PART, PART], [{"size": 3, "content_type": "image/png"}]])
def test_a_request_id_of_another_declaration_is_a_conflict(core: Core, parts: list[dict[str, Any]]) -> None:
    first = call(core, "files.upload", **DECLARATION, request_id="r")
    error = refusal(core, "files.upload", **DECLARATION | {"parts": parts}, request_id="r")
    assert isinstance(error, Conflict)
    assert error.details == {"field": "request_id", "file_id": first["file_id"]}


def test_a_request_id_of_a_clone_is_a_conflict(core: Core) -> None:
    file = processed_file(core, b"one")
    call(core, "files.clone", file_id=file["file_id"], owner="ann", request_id="r")
    assert isinstance(refusal(core, "files.upload", **DECLARATION, request_id="r"), Conflict)


def test_the_request_id_of_a_removed_file_is_free_again(core: Core) -> None:
    first = call(core, "files.upload", **DECLARATION, request_id="r")
    call(core, "files.remove", file_id=first["file_id"])
    assert call(core, "files.upload", **DECLARATION, request_id="r")["file_id"] != first["file_id"]


def test_one_request_from_many_threads_makes_one_file(core: Core) -> None:
    answers = at_once(12, lambda _: call(core, "files.upload", **DECLARATION, request_id="r", alias="a"))
    assert len({answer["file_id"] for answer in answers}) == 1
    assert announced(core) == ["created"]


def test_of_many_claims_of_an_alias_one_wins(core: Core) -> None:
    outcomes = at_once(12, lambda _: attempt(core, "files.upload", **DECLARATION, alias="a"))
    [winner] = [each for each in outcomes if not isinstance(each, FilesError)]
    losers = [each for each in outcomes if isinstance(each, FilesError)]
    assert all(isinstance(each, AliasTaken) for each in losers)
    assert all(each.details == {"field": "alias", "file_id": winner["file_id"]} for each in losers)


def test_a_file_removed_while_its_request_is_repeated_is_made_again(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call(core, "files.upload", **DECLARATION, request_id="r")
    meanwhile(monkeypatch, core.metadata, "resolve", lambda: call(core, "files.remove", file_id=first["file_id"]))
    assert call(core, "files.upload", **DECLARATION, request_id="r")["file_id"] != first["file_id"]


def test_a_faster_call_of_the_same_request_is_found(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    faster: list[JSON] = []

    def answer_elsewhere() -> None:
        faster.append(call(core, "files.upload", **DECLARATION, request_id="r", alias="a"))

    meanwhile(monkeypatch, core.metadata, "resolve", answer_elsewhere)
    slower = call(core, "files.upload", **DECLARATION, request_id="r", alias="a")
    assert [slower["file_id"]] == [each["file_id"] for each in faster]


def test_a_repeated_request_late_in_its_life_prolongs_the_upload(core: Core) -> None:
    first = call(at(core, 0), "files.upload", **DECLARATION, request_id="r")
    late = 86_400_000 - 1_000
    again = call(at(core, late), "files.upload", **DECLARATION, request_id="r")
    assert first["upload_expires_at"] == 86_400_000
    assert again["upload_expires_at"] == again["parts"][0]["upload"]["expires_at"] == late + 900_000
    assert (again["revision"], announced(core)) == (2, ["created"])


def test_an_upload_lives_at_least_as_long_as_its_addresses(core: Core) -> None:
    record = call(core, "files.upload", **DECLARATION, expires_seconds=604_800)
    assert record["upload_expires_at"] >= record["parts"][0]["upload"]["expires_at"]
    assert writes(core) == 1


@pytest.mark.parametrize("status", ["uploaded", "processed"])
def test_a_finished_file_is_answered_as_it_stands(core: Core, status: str) -> None:
    make = uploaded_file if status == "uploaded" else processed_file
    record = make(core, b"one", request_id="r")
    again = call(core, "files.upload", **DECLARATION, request_id="r")
    assert again == call(core, "files.info", file_id=record["file_id"])
    assert again["status"] == status


def test_a_file_that_goes_while_its_upload_is_prolonged_is_not_found(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = call(at(core, 0), "files.upload", **DECLARATION, request_id="r")
    meanwhile(monkeypatch, core.metadata, "get", lambda: call(core, "files.remove", file_id=record["file_id"]))
    assert isinstance(refusal(at(core, 86_400_000), "files.upload", **DECLARATION, request_id="r"), NotFound)
