"""``/api/files/search`` and ``/api/files/{file_id}/metadata``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cores import processed_file
from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served

JSON_TYPE = {"Content-Type": "application/json"}


def search(served: Served, query: str, owner: str = "ann") -> Reply:
    return served.request("GET", f"/api/files/search{query}", headers=bearer(owner))


def describe(served: Served, file_id: str, body: Any, owner: str = "ann") -> Reply:
    content = json.dumps(body).encode()
    return served.request("PUT", f"/api/files/{file_id}/metadata", content, {**bearer(owner), **JSON_TYPE})


def test_a_search_finds_the_callers_own_files(served: Served) -> None:
    names = ("Sommer am See.mp4", "Winter.mp4", "sommer 2.mp4")
    ours = {name: processed_file(served.core, name=name, owner="sue")["file_id"] for name in names}
    processed_file(served.core, name="Sommer of another.mp4", owner="tom")
    reply = search(served, "?query=sommer&order_by=name&order=asc", "sue")
    assert reply.status == 200
    assert [file["file_id"] for file in reply.json["files"]] == [ours["sommer 2.mp4"], ours["Sommer am See.mp4"]]
    page = search(served, "?query=sommer&limit=1&order_by=name&order=asc", "sue").json
    rest = search(served, f"?query=sommer&limit=1&order_by=name&order=asc&cursor={page['next_cursor']}", "sue").json
    assert [file["name"] for file in page["files"] + rest["files"]] == ["sommer 2.mp4", "Sommer am See.mp4"]
    assert search(served, "?query=nothing", "sue").json["files"] == []


@pytest.mark.parametrize(
    ("query", "field"), [("", "query"), ("?query=%20", "query"), ("?query=a&search=b", "search"), ("?q=a", "query")]
)
def test_a_search_names_what_is_wrong(served: Served, query: str, field: str) -> None:
    reply = search(served, query)
    assert (reply.status, reply.fields) == (400, [field])


def test_tags_and_description_are_set_and_removed_one_by_one(served: Served) -> None:
    file_id = processed_file(served.core, tags=["old"], meta={"kept": 1})["file_id"]
    both = describe(served, file_id, {"tags": ["Trip", "see"], "description": "Am See"})
    assert (both.status, both.json["tags"]) == (200, ["trip", "see"])
    assert both.json["meta"] == {"kept": 1, "description": "Am See"}
    one = describe(served, file_id, {"tags": None}).json
    assert (one["tags"], one["meta"]["description"]) == ([], "Am See")
    assert describe(served, file_id, {"description": None}).json["meta"] == {"kept": 1}


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "body"), ({"name": "x"}, "name"), ({"tags": "a"}, "changes.tags"), ({"description": 3}, "changes.meta")],
)
def test_metadata_names_what_is_wrong(served: Served, body: Any, field: str) -> None:
    file_id = processed_file(served.core)["file_id"]
    reply = describe(served, file_id, body)
    assert reply.status == 400
    assert reply.fields[0].startswith(field)


def test_only_the_owner_describes_a_file(served: Served) -> None:
    file_id = processed_file(served.core, access="public")["file_id"]
    assert describe(served, file_id, {"tags": ["x"]}, "bob").status == 403
    content = json.dumps({"tags": ["x"]}).encode()
    assert served.request("PUT", f"/api/files/{file_id}/metadata", content, JSON_TYPE).status == 401
