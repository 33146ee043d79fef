"""The texts of notices, and what many of them become."""

from __future__ import annotations

import pytest

from files_service.domain.disk_space import days_left
from files_service.domain.notices import MAX_MESSAGE, MAX_TEXT, Kind, Notice, joined, length_of, retry_after, shortened
from files_service.services.notices.texts import TEMPLATES, text_of

DAY = 86_400_000
CARD = {"card_id": "c", "label": "EOS", "camera": "", "size_bytes": 1, "host": "desk", "folder": "Cards", "minutes": 12}
COUNTS = {"files": 2, "bytes": 5, "files_done": 1, "bytes_done": 3, "known": 1, "failed": 1, "files_more": 1}
DISK = {"disk": "blobs", "free": 1, "total": 10, "days_left": 3}
MORE = {"verdict": "SAFE", "reasons": ["a", "b"], "name": "n", "path": None, "size": 1, "letters": 2, "new": 1}
FACTS = {**CARD, **COUNTS, **DISK, **MORE, "channel": "phone", "counts": {"safe": 1}}


def notice(kind: Kind, **facts: object) -> Notice:
    return Notice(kind=kind, key="k", at=0, owner="ann", facts={**FACTS, **facts})


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_a_text_without_gaps(kind: Kind) -> None:
    assert kind in TEMPLATES
    text = text_of(notice(kind))
    assert text
    assert "{" not in text
    assert length_of(text) <= MAX_TEXT


def test_a_name_stays_one_line_and_is_no_template() -> None:
    text = text_of(notice(Kind.CARD_FOUND, label="{{ 7 * 7 }}\nSAFE TO FORMAT\u202e" + "x" * 500))
    assert "{{ 7 * 7 }}\N{REPLACEMENT CHARACTER}SAFE TO FORMAT\N{REPLACEMENT CHARACTER}x" in text
    assert len(text.splitlines()[0]) < 200


def test_days_left_are_those_at_the_pace_of_the_samples() -> None:
    assert days_left([(0, 100), (DAY, 80)], 60, 2 * DAY) == 3
    assert days_left([(0, 100)], 120, DAY) is None
    assert days_left([(0, 100)], 50, 1_000) is None
    assert days_left([], 50, DAY) is None


def test_a_long_text_is_cut_at_a_line() -> None:
    assert shortened("a\nb\nc", 5) == "a\nb\nc"
    assert shortened("aaaa\nbbbb\ncccc", 12) == "aaaa\nbbbb\n…"
    emoji = "\N{GRINNING FACE}"
    assert length_of(shortened(emoji * 100, 51)) <= 51


def test_many_notices_of_a_kind_are_counted() -> None:
    message, count = joined([(Kind.UPLOAD_EXPIRED, f"upload {number}") for number in range(200)])
    assert count == 200
    assert message.count("upload ") == 5
    assert message.endswith("… and 195 more: upload_expired")


def test_a_message_has_as_much_as_it_holds() -> None:
    kinds = [Kind.SAFE, Kind.NOT_SAFE, Kind.DISK_LOW, Kind.DIGEST, Kind.CARD_FOUND]
    texts = [(kind, f"{kind} " + "x" * 1_000) for kind in kinds]
    message, count = joined(texts)
    assert count == 4
    assert length_of(message) <= MAX_MESSAGE
    again, rest = joined(texts[count:])
    assert (rest, again) == (1, texts[4][1])


def test_pauses_grow_from_ten_seconds_to_an_hour() -> None:
    assert [retry_after(tries) for tries in (1, 2, 3, 10, 100)] == [10_000, 20_000, 40_000, 3_600_000, 3_600_000]
