"""The timeline at the doors: months of pictures and videos, and the files of a month."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from files_service.domain.analytics import beginning_of, kind_of
from files_service.worker.analytics import Analytics
from tests.cores import at, call, processed_file
from tests.gateway.serving import RPC_TOKEN, Served
from tests.pages.visits import cookie
from tests.people.persons import Person, appoint, key_of

# Each: owner, time, type.
MADE = (
    ("ann", "2026-07-01", "image/png"),
    ("ann", "2026-07-01", "text/plain"),
    ("ann", "2026-07-31", "video/mp4"),
    ("ann", "2026-07-31", "image/jpeg"),
    ("ann", "2026-08-01", "image/png"),
    ("ann", "2026-06-30", "video/mp4"),
    ("ann", "2025-12-31", "text/plain"),
    ("bob", "2026-07-15", "image/png"),
    ("bob", "2024-02-29", "image/png"),
)
JULY = {
    "month": "2026-07",
    "count": 3,
    "bytes": 21,
    "by_kind": {"image": {"count": 2, "bytes": 14}, "video": {"count": 1, "bytes": 7}},
}


def made(served: Served, owner: str, day: str, content_type: str, after: int = 0) -> str:
    """A file of a type that was made on a day."""
    core = at(served.core, beginning_of(day) + after)
    parts = [{"size": 7, "content_type": content_type}]
    file_id: str = processed_file(core, owner=owner, parts=parts)["file_id"]
    return file_id


def taken(served: Served, file_id: str, day: str) -> None:
    """Note that a picture was taken on a day."""
    store = served.core.metadata
    record = replace(store.get(file_id), captured_at=beginning_of(day))
    store.save(record, expected_revision=record.revision, changed_at=1, event="updated")


def count(served: Served) -> None:
    """Let the worker count."""
    worker = Analytics(served.core, holder="worker")
    for _ in range(5):
        worker.step()
    worker.give_up()


@pytest.fixture
def ids(served: Served) -> list[str]:
    """The files of two owners, counted."""
    found = [made(served, *each, after=number) for number, each in enumerate(MADE)]
    count(served)
    return found


def pages(person: Person, query: str) -> list[list[str]]:
    """The ids on each page of a month."""
    found: list[list[str]] = []
    cursor = ""
    while True:
        page: Any = person.get(f"/api/timeline?{query}{cursor}").json
        found.append([each["file_id"] for each in page["files"]])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_the_months_are_those_with_pictures_and_videos_of_the_owner(served: Served, ids: list[str]) -> None:
    ann = appoint(served, "ann")
    months = ann.get("/api/timeline").json["months"]
    assert [each["month"] for each in months] == ["2026-08", "2026-07", "2026-06"]
    assert months[1] == JULY
    videos = ann.get("/api/timeline?kind=video").json["months"]
    assert [(each["month"], each["count"], each["bytes"]) for each in videos] == [("2026-07", 1, 7), ("2026-06", 1, 7)]
    assert appoint(served, "eve").get("/api/timeline").json == {"months": []}


def test_what_is_trashed_leaves_its_month(served: Served, ids: list[str]) -> None:
    ann = appoint(served, "ann")
    call(served.core, "files.trash", file_id=ids[4])
    count(served)
    assert [each["month"] for each in ann.get("/api/timeline").json["months"]] == ["2026-07", "2026-06"]
    assert pages(ann, "month=2026-08") == [[]]


def test_a_month_has_its_files_from_the_last_to_the_first(served: Served, ids: list[str]) -> None:
    ann = appoint(served, "ann")
    assert pages(ann, "month=2026-07") == [[ids[3], ids[2], ids[0]]]
    assert list(chain(*pages(ann, "month=2026-07&limit=1"))) == [ids[3], ids[2], ids[0]]
    assert pages(ann, "month=2026-07&limit=2")[0] == [ids[3], ids[2]]
    assert list(chain(*pages(ann, "month=2026-07&kind=image&limit=1"))) == [ids[3], ids[0]]
    assert pages(ann, "month=2026-05") == pages(ann, "month=2025-12") == pages(ann, "month=9999-12") == [[]]
    [file] = ann.get("/api/timeline?month=2026-08").json["files"]
    assert (file["file_id"], kind_of(file["content_type"])) == (ids[4], "image")


def test_a_file_belongs_to_the_month_in_which_it_was_taken(served: Served, ids: list[str]) -> None:
    ann = appoint(served, "ann")
    days = ("1969-07-20", "1969-07-20", "2026-06-30", None, "2026-07-31")
    for file_id, day in zip(ids, days, strict=False):
        if day is not None:
            taken(served, file_id, day)
    # A clock that is ahead of the upload tells no time.
    taken(served, ids[5], "2031-01-01")
    count(served)
    months = ann.get("/api/timeline").json["months"]
    assert [(each["month"], each["count"]) for each in months] == [("2026-07", 2), ("2026-06", 2), ("1969-07", 1)]
    assert months[2]["by_kind"] == {"image": {"count": 1, "bytes": 7}}
    for limit in (1, 2, 100):
        at_once = {month: pages(ann, f"month={month}&limit={limit}") for month in ("2026-07", "2026-06", "1969-07")}
        assert [list(chain(*each)) for each in at_once.values()] == [[ids[3], ids[4]], [ids[5], ids[2]], [ids[0]]]
    assert list(chain(*pages(ann, "month=2026-06&kind=video&limit=1"))) == [ids[5], ids[2]]
    taken(served, ids[0], "2026-07-02")
    call(served.core, "files.trash", file_id=ids[2])
    count(served)
    months = ann.get("/api/timeline").json["months"]
    assert [(each["month"], each["count"]) for each in months] == [("2026-07", 3), ("2026-06", 1)]


def test_files_that_were_taken_in_other_months_do_not_end_a_page(served: Served) -> None:
    for number in range(120):
        file_id = made(served, "ann", "2026-03-02", "image/png", after=number)
        taken(served, file_id, "2026-03-01" if number % 3 else "2025-01-01")
    last = made(served, "ann", "2026-03-01", "image/png", after=1)
    ann = appoint(served, "ann")
    for limit in (7, 100):
        found = list(chain(*pages(ann, f"month=2026-03&limit={limit}")))
        assert (found[0], len(found), len(set(found))) == (last, 81, 81)
        assert len(list(chain(*pages(ann, f"month=2025-01&limit={limit}")))) == 40


def test_files_of_other_kinds_and_months_do_not_end_a_page(served: Served) -> None:
    first = made(served, "ann", "2026-03-01", "image/png")
    for number in range(250):
        made(served, "ann", "2026-03-02", "text/plain", after=number)
        made(served, "ann", "2026-02-02", "image/png", after=number)
    ann = appoint(served, "ann")
    assert pages(ann, "month=2026-03") == [[first]]
    in_february = pages(ann, "month=2026-02")
    assert [len(each) for each in in_february] == [100, 100, 50]
    assert len(set(chain(*in_february))) == 250


def test_nobody_sees_the_timeline_of_others(served: Served, ids: list[str]) -> None:
    ann, root = appoint(served, "ann"), appoint(served, "root", "operator")
    for query in ("owner=bob", "owner=bob&month=2026-07", "owner=nobody"):
        assert ann.get(f"/api/timeline?{query}").status == root.get(f"/api/timeline?{query}").status == 403, query
    assert served.request("GET", "/api/timeline").status == 401
    system = {"Authorization": f"Bearer {RPC_TOKEN}"}
    assert served.request("GET", "/api/timeline", headers=system).status == 400
    assert served.request("GET", "/api/timeline?owner=ann", headers=system).json["months"][1] == JULY
    assert key_of(ann, "analytics").get("/api/timeline").status == 403
    assert key_of(ann, "files:read").get("/api/timeline").json["months"][1] == JULY
    bound = key_of(ann, "files:read", folder="trips")
    assert bound.get("/api/timeline").status == bound.get("/api/timeline?month=2026-07").status == 403


def test_what_is_no_question_is_refused(served: Served, ids: list[str]) -> None:
    ann = appoint(served, "ann")
    july = ann.get("/api/timeline?month=2026-07&limit=1").json["next_cursor"]
    for query in (
        "month=2026-13",
        "month=2026-7",
        "month=0000-01",
        "month=",
        "kind=audio",
        "limit=0",
        "limit=101",
        "x=1",
        "month=2026-07&cursor=x",
        f"month=2026-06&cursor={july}",
        f"month=2026-07&kind=image&cursor={july}",
    ):
        assert ann.get(f"/api/timeline?{query}").status == 400, query


def test_a_page_of_photos_without_any_shows_no_month(served: Served) -> None:
    for month in ("x", "2026-07", ""):
        assert served.request("GET", f"/photos?month={month}", headers=cookie("zoe")).status == 200
