"""What an inbox keeps of the news, and that it never grows beyond that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.inbox import (
    FOLD_MS,
    KEPT,
    KEPT_KEYS,
    KEPT_LINKS,
    MOST_IDS,
    Inbox,
    News,
    NewsKind,
    mark_read,
    note_link,
    note_usage,
    received_key,
    take_back,
    tell,
)


def uploaded(number: int, at: int = 0, **more: Any) -> News:
    given = {"key": f"uploaded/{number}", "name": f"{number}.jpg", "bytes": 10, "file_id": str(number), **more}
    return News(kind=NewsKind.UPLOADED, at=at, **given)


def shares(numbers: int, at: int = 0) -> list[News]:
    return [
        News(kind=NewsKind.DOWNLOADED, key=f"d{each}", at=at + each, about=str(each), name=str(each))
        for each in range(numbers)
    ]


def test_news_of_one_kind_are_one_entry_with_a_count() -> None:
    inbox = tell(Inbox(), [uploaded(number, at=number) for number in range(3)])
    [entry] = inbox.entries
    assert (entry.count, entry.bytes, entry.name, entry.at) == (3, 30, "2.jpg", 2)
    assert entry.file_ids == ("0", "1", "2")


def test_a_later_time_another_thing_and_a_read_entry_begin_a_new_one() -> None:
    inbox = tell(Inbox(), [uploaded(0)])
    assert len(tell(inbox, [uploaded(1, at=FOLD_MS + 1)]).entries) == 2
    assert len(tell(inbox, [uploaded(1, about="another")]).entries) == 2
    assert len(tell(mark_read(inbox, None), [uploaded(1)]).entries) == 2


def test_news_are_told_once_also_after_they_were_read() -> None:
    inbox = mark_read(tell(Inbox(), [uploaded(0)]), None)
    assert tell(inbox, [uploaded(0)]) == inbox


@pytest.mark.parametrize("received_first", [True, False])
def test_what_a_visitor_sent_is_no_upload_of_the_owner(received_first: bool) -> None:
    received = News(kind=NewsKind.RECEIVED, key=received_key("1"), at=5, about="link", file_id="1", bytes=10)
    own, sent = uploaded(0), uploaded(1)
    told = [received, own, sent] if received_first else [own, sent, received]
    inbox = tell(Inbox(), told)
    assert {entry.kind: (entry.count, entry.bytes, entry.file_ids) for entry in inbox.entries} == {
        "uploaded": (1, 10, ("0",)),
        "received": (1, 10, ("1",)),
    }
    alone = tell(Inbox(), [sent, received])
    assert [entry.kind for entry in alone.entries] == ["received"]


def test_what_the_owner_did_is_read_and_is_folded_too() -> None:
    trashed = [News(kind=NewsKind.TRASHED, key=str(each), at=each, file_id=str(each)) for each in range(2)]
    inbox = tell(Inbox(), trashed)
    assert inbox.unread == 0
    assert inbox.entries[0].file_ids == ("0", "1")
    [left] = take_back(inbox, ["0", "other"]).entries
    assert (left.count, left.file_ids) == (1, ("1",))
    assert take_back(inbox, ["0", "1"]).entries == ()
    again = tell(inbox, [News(kind=NewsKind.TRASHED, key="0 again", at=FOLD_MS * 2, file_id="0")])
    assert [entry.file_ids for entry in again.entries] == [("1",), ("0",)]


def test_a_quota_is_told_when_it_is_nearly_full_and_again_after_there_was_room() -> None:
    inbox = note_usage(Inbox(), 89, 100, now=1)
    assert inbox.entries == ()
    inbox = note_usage(inbox, 90, 100, now=2)
    assert inbox.entries[0].facts == {"used": 90, "quota": 100}
    inbox = note_usage(inbox, 86, 100, now=3)
    assert len(note_usage(inbox, 99, 100, now=4).entries) == 1
    inbox = note_usage(inbox, 84, 100, now=FOLD_MS * 2)
    assert len(note_usage(inbox, 95, 100, now=FOLD_MS * 3).entries) == 2
    assert note_usage(inbox, 95, 0, now=5).entries == inbox.entries


def test_some_or_all_entries_are_marked_as_read() -> None:
    inbox = tell(Inbox(), shares(3))
    assert inbox.unread == 3
    assert mark_read(inbox, [inbox.entries[0].notice_id, "none"]).unread == 2
    assert mark_read(inbox, None).unread == 0


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 3), st.integers(0, 10**7)), max_size=300))
def test_an_inbox_is_bounded_and_in_order_and_the_newest_stay(drawn: list[tuple[int, int, int]]) -> None:
    inbox = tell(Inbox(), shares(KEPT + 20, at=10**8))
    for number, about, at in drawn:
        inbox = tell(inbox, [uploaded(number, at=at, about=str(about))])
        inbox = note_link(inbox, str(number), at)
    assert len(inbox.entries) == KEPT
    assert len(inbox.keys) <= KEPT_KEYS
    assert len(inbox.links) <= KEPT_LINKS
    assert all(len(entry.file_ids) <= MOST_IDS for entry in inbox.entries)
    assert [entry.at for entry in inbox.entries] == sorted(entry.at for entry in inbox.entries)
    assert inbox.entries[-1].name == str(KEPT + 19)
