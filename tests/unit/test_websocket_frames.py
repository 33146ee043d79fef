"""Messages are found in the bytes of a WebSocket, however these are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from files_service.gateway.doors.websocket.frames import Frames
from tests.gateway.raw_websocket import frame_head

SIZES = st.one_of(st.integers(0, 130), st.sampled_from([65_535, 65_536, 70_000]))
Seen = list[tuple[int, bool, bool]]


def message(sizes: list[int], control: bool) -> tuple[bytes, Seen]:
    """The frames of one message, maybe with a ping after each, and what is to be seen of them."""
    sent, seen, total = b"", [], 0
    for number, size in enumerate(sizes):
        last = number == len(sizes) - 1
        kind = (0x80 if last else 0) | (0x02 if not number else 0)
        total += size
        sent += frame_head(kind, size) + b"\x82" * size
        sent += frame_head(0x89, 3) + b"\x82\xff\x82" if control else b""
        seen.append((total, not number, last))
    return sent, seen


MESSAGES = st.lists(st.builds(message, st.lists(SIZES, min_size=1, max_size=3), st.booleans()), max_size=4)


@given(MESSAGES, st.lists(st.integers(1, 5_000), max_size=20))
def test_each_message_is_seen_at_its_first_bytes(messages: list[tuple[bytes, Seen]], cuts: list[int]) -> None:
    seen: Seen = []
    frames = Frames(lambda size, /, *, begins, ends: seen.append((size, begins, ends)))
    data = b"".join(sent for sent, _ in messages)
    place = 0
    for cut in [*cuts, len(data)]:
        assert frames.feed(data[place : place + cut], 1_000_000)[0] == len(data[place : place + cut])
        place += cut
    assert seen == [each for _, expected in messages for each in expected]
    assert not frames.unfinished


def test_a_message_is_unfinished_until_its_last_byte() -> None:
    frames = Frames(lambda size, /, *, begins, ends: None)
    for piece, unfinished in ((b"\x82", False), (b"\x84", False), (b"abcd", True), (b"123", True), (b"4", False)):
        frames.feed(piece, 1_000)
        assert frames.unfinished is unfinished


def test_reading_stops_after_so_many_frames() -> None:
    seen: Seen = []
    frames = Frames(lambda size, /, *, begins, ends: seen.append((size, begins, ends)))
    ping, word = b"\x89\x01a", b"\x82\x02bc"
    data = ping + word + ping + word
    assert frames.feed(data, 2) == (7, 2)
    assert frames.feed(data[7:], 0) == (0, 0)
    assert frames.feed(data[7:], 9) == (7, 2)
    assert len(seen) == 2
