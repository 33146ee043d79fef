"""The inbox of an owner, filled from the change feed: what is told to whom, and how often."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain import inbox as rules
from files_service.domain.inbox import KEPT, News, NewsKind
from files_service.domain.shares import ShareEvent
from files_service.domain.uploads import owner_segment
from files_service.errors import BadRequest, Forbidden
from files_service.services.cards.session import SESSIONS
from files_service.services.erasure import _remove_documents
from files_service.services.files import require
from files_service.services.inbox.feed import CONSUMER
from files_service.services.inbox.inbox import INBOXES, change_inbox
from files_service.services.shares.activity import record_event
from files_service.services.shares.share import find_share
from storage_adapters import Document, SupportsChanges, SupportsDocuments
from tests.clocks import Clock
from tests.cores import call, pending_file, processed_file, refusal, sqlite_core
from tests.unit.inbox.scenes import notices, settle, unread
from tests.unit.notices.scenes import core_at

HOUR = 3_600


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Core:
    return core_at(tmp_path, clock)


def link(core: Core, file_id: str) -> str:
    return str(call(core, "shares.create", owner="ann", items=[file_id], title="Trip")["share_id"])


def happened(core: Core, share_id: str, event: ShareEvent, **details: Any) -> None:
    share = find_share(core, share_id)
    assert share is not None
    record_event(core, share, event, "10.0.0.1", **details)


def test_an_owner_is_told_of_the_own_files_alone_and_once(core: Core) -> None:
    worker = settle(core)
    ids = [processed_file(core, b"abc", name=name)["file_id"] for name in ("a.jpg", "b.jpg")]
    processed_file(core, b"x", owner="bob")
    settle(core, worker)
    [told] = notices(core)
    assert (told["kind"], told["count"], told["bytes"], told["name"]) == ("uploaded", 2, 6, "b.jpg")
    assert told["file_ids"] == ids
    assert [each["count"] for each in notices(core, "bob")] == [1]
    # The process died before its checkpoint moved: the batch is read again.
    feed = require(core.metadata, SupportsChanges)
    here = feed.checkpoint(CONSUMER)
    feed.move_checkpoint(CONSUMER, expected=here, sequence=feed.changes(after="0", limit=1)[0].sequence)
    settle(core, worker)
    assert notices(core) == [told]
    assert unread(core) == 1


def test_what_was_before_the_first_start_is_no_news(core: Core) -> None:
    processed_file(core, b"x")
    worker = settle(core)
    assert notices(core) == []
    processed_file(core, b"y")
    settle(core, worker)
    assert len(notices(core)) == 1


def test_a_file_whose_time_in_the_trash_is_over_is_no_expired_upload(core: Core, clock: Clock) -> None:
    worker = settle(core)
    call(core, "files.trash", file_id=processed_file(core)["file_id"])
    pending_file(core, name="never.jpg")
    settle(core, worker)
    assert {each["kind"] for each in notices(core)} == {"trashed", "uploaded"}
    clock.pass_seconds(40 * 24 * HOUR)
    assert len(call(core, "files.sync")["expired"]) == 2
    settle(core, worker)
    # There is nothing to be undone any more.
    assert [(each["kind"], each["name"]) for each in notices(core)] == [
        ("upload_expired", "never.jpg"),
        ("uploaded", "clip.bin"),
    ]


def test_an_inbox_with_very_long_texts_keeps_the_newest(core: Core) -> None:
    reasons = [f"DCIM/{'x' * 1_000}: could not be read: {'y' * 800}"] * 3
    news = [
        News(kind=NewsKind.NOT_SAFE, key=f"{number}", at=number, about=f"{number}", facts={"reasons": reasons})
        for number in range(KEPT)
    ]
    change_inbox(core, "ann", lambda before: rules.tell(before, news))
    kept = notices(core, limit=KEPT)
    assert KEPT // 2 < len(kept) < KEPT
    assert [each["about"] for each in kept[:2]] == ["99", "98"]


def test_files_that_fail_expire_change_or_go_are_told(core: Core, clock: Clock) -> None:
    worker = settle(core)
    file_id = processed_file(core, b"abc", name="a.jpg", path="a.jpg")["file_id"]
    clock.pass_seconds(1)
    call(core, "files.trash", file_id=file_id, actor="ann")
    settle(core, worker)
    trashed, _ = notices(core)
    assert (trashed["kind"], trashed["file_ids"], trashed["read"]) == ("trashed", [file_id], True)
    call(core, "files.restore", file_id=file_id, actor="ann")
    settle(core, worker)
    # There is nothing to be undone any more.
    assert [each["kind"] for each in notices(core)] == ["uploaded"]
    clock.pass_seconds(HOUR)
    processed_file(core, b"abcd", name="a.jpg", version_of=file_id)
    settle(core, worker)
    assert notices(core)[0]["kind"] == "version_added"
    assert unread(core) == 2


def test_visitors_of_links_are_told_of_by_link(core: Core, clock: Clock) -> None:
    worker = settle(core)
    file_id = processed_file(core, b"abc")["file_id"]
    share_id = link(core, file_id)
    happened(core, share_id, ShareEvent.OPENED)
    happened(core, share_id, ShareEvent.DOWNLOADED, file_id=file_id)
    settle(core, worker)
    clock.pass_seconds(1)
    happened(core, share_id, ShareEvent.DOWNLOADED, file_id=file_id)
    settle(core, worker)
    downloaded = notices(core)[0]
    assert (downloaded["kind"], downloaded["name"], downloaded["count"]) == ("downloaded", "Trip", 2)
    assert downloaded["facts"] == {"share_id": share_id}
    call(core, "notices.read", owner="ann")
    clock.pass_seconds(2 * HOUR)
    happened(core, share_id, ShareEvent.WRONG_PASSWORD)
    settle(core, worker)
    assert unread(core) == 0


def test_files_of_visitors_are_received_and_not_uploaded(core: Core) -> None:
    worker = settle(core)
    share_id = link(core, processed_file(core, b"own")["file_id"])
    sent = processed_file(core, b"sent")["file_id"]
    happened(core, share_id, ShareEvent.UPLOADED, file_id=sent, sender="Eve", size=4)
    settle(core, worker)
    assert {each["kind"]: each["count"] for each in notices(core)} == {"uploaded": 1, "received": 1}
    [received] = [each for each in notices(core) if each["kind"] == "received"]
    assert received["facts"]["sender"] == "Eve"


def test_a_quota_that_is_nearly_full_is_told(tmp_path: Path, clock: Clock) -> None:
    core = core_at(tmp_path, clock)
    core = replace(core, settings=replace(core.settings, owner_quota_bytes=100))
    worker = settle(core)
    processed_file(core, b"x" * 89)
    settle(core, worker)
    assert [each["kind"] for each in notices(core)] == ["uploaded"]
    processed_file(core, b"x")
    settle(core, worker)
    assert [each["facts"] for each in notices(core) if each["kind"] == "quota_low"] == [{"used": 90, "quota": 100}]


def test_pages_of_the_inbox_join_without_a_gap(core: Core, clock: Clock) -> None:
    worker = settle(core)
    for number in range(5):
        processed_file(core, b"x", name=f"{number}.txt")
        settle(core, worker)
        call(core, "notices.read", owner="ann")
    walked, cursor = [], None
    while True:
        page = call(core, "notices.list", owner="ann", limit=2, cursor=cursor)
        walked += page["notices"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert walked == notices(core, limit=KEPT)
    assert len(walked) == 5
    assert isinstance(refusal(core, "notices.list", owner="ann", cursor="none"), BadRequest)


@pytest.mark.parametrize("method", ["notices.list", "notices.read"])
def test_nobody_else_reads_an_inbox(core: Core, method: str) -> None:
    assert isinstance(refusal(core, method, owner="ann", actor="bob"), Forbidden)


def test_some_notices_are_marked_as_read(core: Core) -> None:
    worker = settle(core)
    file_id = processed_file(core, b"x")["file_id"]
    happened(core, link(core, file_id), ShareEvent.DOWNLOADED, file_id=file_id)
    settle(core, worker)
    first = notices(core)[0]["notice_id"]
    assert call(core, "notices.read", owner="ann", notice_ids=[first]) == {"unread": 1}
    assert [each["read"] for each in notices(core)] == [True, False]


def test_an_inbox_goes_with_its_owner(core: Core) -> None:
    worker = settle(core)
    processed_file(core, b"x")
    settle(core, worker)
    _remove_documents(core, "ann")
    assert notices(core) == []


def test_an_inbox_is_kept_on_disk(tmp_path: Path) -> None:
    core = sqlite_core(tmp_path)
    worker = settle(core)
    processed_file(core, b"x")
    settle(core, worker)
    core.close()
    again = sqlite_core(tmp_path)
    assert [each["kind"] for each in notices(again)] == ["uploaded"]
    again.close()


def test_what_nobody_can_read_stops_no_inbox(core: Core) -> None:
    """A session of another version of the service, and an inbox of one."""
    worker = settle(core)
    documents = require(core.metadata, SupportsDocuments)
    for collection, document_id in ((SESSIONS, "a"), (INBOXES, owner_segment("bob"))):
        foreign = Document(
            collection=collection, document_id=document_id, body={"state": "new"}, updated_at=core.clock()
        )
        documents.put_document(foreign, expected_revision=0)
    processed_file(core, owner="bob")
    processed_file(core)
    settle(core, worker)
    assert [each["kind"] for each in notices(core)] == ["uploaded"]
    feed = require(core.metadata, SupportsChanges)
    assert feed.checkpoint(CONSUMER) == feed.last_sequence()
