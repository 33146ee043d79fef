"""Cards and sessions as their sender and their owner see them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.identity import Actor
from files_service.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge, WrongStatus
from files_service.services.cards import card as cards
from files_service.services.cards import entries as card_entries
from storage_adapters import JSON
from tests.clocks import Clock
from tests.cores import at_once, call, processed_file, refusal
from tests.unit.cards.scenes import CARD, OWNER, begun, brought, copied, entry_of, listing_of, verified


def missing(path: str, size: int = 1) -> JSON:
    return {"path": path, "size": size, "mtime_at": 1, "status": "missing"}


def test_a_card_is_unknown_until_its_owner_allows_it(core: Core) -> None:
    seen = call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD, "label": "EOS"}, host="desk")
    assert (seen["card"]["state"], seen["card"]["host"], seen["session"]) == ("unknown", "desk", None)
    assert call(core, "cards.permit", owner=OWNER, card_id=CARD, state="allowed")["state"] == "allowed"
    again = call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD, "label": "EOS 2"})
    assert (again["card"]["state"], again["card"]["label"]) == ("allowed", "EOS 2")
    assert again["card"]["first_seen_at"] == seen["card"]["first_seen_at"]


def test_a_card_is_each_owners_own(core: Core) -> None:
    call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD})
    assert call(core, "cards.list", owner="bob") == {"cards": [], "next_cursor": None}
    assert isinstance(refusal(core, "cards.permit", owner="bob", card_id=CARD, state="allowed"), NotFound)


def test_cards_are_listed_the_last_inserted_first(core: Core) -> None:
    clock = Clock()
    core = replace(core, clock=clock)
    for number in (1, 2, 3, 1):
        clock.pass_seconds(1)
        call(core, "cards.inserted", owner=OWNER, card={"card_id": f"card-{number}"})
    found, cursor = [], None
    while True:
        page = call(core, "cards.list", owner=OWNER, limit=1, cursor=cursor)
        found += [each["card_id"] for each in page["cards"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ["card-1", "card-3", "card-2"]
    for cursor in ("x", f"{'²' * 15}-x"):
        assert isinstance(refusal(core, "cards.list", owner=OWNER, cursor=cursor), BadRequest)


def test_an_owner_has_so_many_cards_and_no_more(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "MAX_CARDS", 2)
    for number in range(2):
        call(core, "cards.inserted", owner=OWNER, card={"card_id": f"card-{number}"})
    assert isinstance(refusal(core, "cards.inserted", owner=OWNER, card={"card_id": "more"}), TooLarge)
    call(core, "cards.inserted", owner=OWNER, card={"card_id": "card-1"})


def test_a_session_begins_once_for_each_request(core: Core) -> None:
    first = begun(core, 2, 10)
    assert begun(core, 2, 10) == first
    assert first["folder"].startswith("Cards/EOS 0123ABCD/")
    assert call(core, "cards.list", owner=OWNER)["cards"][0]["session_id"] == first["session_id"]


def test_a_card_that_was_never_inserted_has_no_session(core: Core) -> None:
    params = {"owner": OWNER, "card_id": CARD, "request_id": "one", "files": 1, "bytes": 1}
    assert isinstance(refusal(core, "cards.begin", **params), NotFound)


def test_a_card_that_comes_back_goes_on_in_its_session(core: Core) -> None:
    first = begun(core, 2, 10)
    call(core, "cards.add", session_id=first["session_id"], files=[missing("a")])
    call(core, "cards.progress", session_id=first["session_id"], state="interrupted")
    # Another sender, which lost its journal.
    again = begun(core, 3, 11, request_id="two", host="laptop")
    assert (again["session_id"], again["state"], again["files"]) == (first["session_id"], "copying", 3)
    assert again["counts"] == {"missing": {"files": 1, "bytes": 1}}
    call(core, "cards.progress", session_id=first["session_id"], state="interrupted")
    assert begun(core, 3, 11, request_id="one")["state"] == "copying"


def test_concurrent_begins_make_one_session(core: Core) -> None:
    call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD})
    made = at_once(4, lambda number: begun(core, 1, 1, request_id=f"r{number}")["session_id"])
    assert len(set(made)) == 1


def test_a_request_is_of_one_card(core: Core) -> None:
    begun(core, 1, 1)
    call(core, "cards.inserted", owner=OWNER, card={"card_id": "other"})
    params = {"owner": OWNER, "card_id": "other", "request_id": "one", "files": 1, "bytes": 1}
    assert isinstance(refusal(core, "cards.begin", **params), Conflict)


def test_a_new_session_after_a_verdict_has_a_folder_of_its_own(core: Core) -> None:
    entry = brought(core, "DCIM/A.MP4")
    first = copied(core, [entry])
    processed_file(core, b"x", owner=OWNER, name="A.MP4", path=f"{first['folder']}/DCIM/A.MP4")
    verified(core, first["session_id"])
    second = begun(core, 1, 1, request_id="two")
    assert second["session_id"] != first["session_id"]
    assert second["folder"] == f"{first['folder']} (2)"
    # The former session would go on beside it.
    late = [missing("late")]
    assert isinstance(refusal(core, "cards.add", session_id=first["session_id"], files=late), WrongStatus)


@pytest.mark.parametrize("folder", ["../x", "a//b", "/", "a\\b"])
def test_a_folder_is_a_clean_one(core: Core, folder: str) -> None:
    call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD})
    params = {"owner": OWNER, "card_id": CARD, "request_id": "one", "files": 1, "bytes": 1, "folder": folder}
    error = refusal(core, "cards.begin", **params)
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"folder"}


@pytest.mark.parametrize("path", ["/a", "a//b", "../a", "a/", "", "a\n", "é" * 600])
def test_a_path_is_one_on_the_card(core: Core, path: str) -> None:
    session = begun(core, 1, 1)
    error = refusal(core, "cards.add", session_id=session["session_id"], files=[missing(path)])
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"files.0.path"}


def test_a_file_in_the_archive_is_named(core: Core) -> None:
    session = begun(core, 1, 1)
    entry = entry_of("a", b"x", None)
    assert isinstance(refusal(core, "cards.add", session_id=session["session_id"], files=[entry]), BadRequest)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_calls_makes_no_difference(core: Core, order: tuple[int, ...]) -> None:
    calls = [[missing("a", 5), missing("b", 7)], [missing("c", 9)], [missing("d", 11), missing("e", 1)]]
    session_id = begun(core, 5, 33)["session_id"]
    for index in (*order, *order):
        last = call(core, "cards.add", session_id=session_id, files=calls[index])
    assert last["counts"] == {"missing": {"files": 5, "bytes": 33}}
    listed = call(core, "cards.files", session_id=session_id)["files"]
    assert [each["path"] for each in listed] == ["a", "b", "c", "d", "e"]


def test_a_later_telling_takes_the_place_of_an_earlier_one(core: Core) -> None:
    session_id = begun(core, 1, 300)["session_id"]
    call(core, "cards.add", session_id=session_id, files=[{**missing("a"), "status": "unreadable"}])
    entry = brought(core, "a")
    told = call(core, "cards.add", session_id=session_id, files=[entry])
    assert (told["files_done"], told["failed"], told["bytes_done"]) == (1, 0, 300)
    assert told["counts"] == {"uploaded": {"files": 1, "bytes": 300}}
    # Repeated, it writes nothing.
    assert call(core, "cards.add", session_id=session_id, files=[entry]) == told


def test_files_are_paged_by_path(core: Core) -> None:
    session_id = begun(core, 5, 5)["session_id"]
    names = ["Z", "a/b", "a", "é", "a-b"]
    call(core, "cards.add", session_id=session_id, files=[missing(each) for each in names])
    found, cursor = [], None
    while True:
        page = call(core, "cards.files", session_id=session_id, limit=2, cursor=cursor)
        found += [each["path"] for each in page["files"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == sorted(names, key=str.encode)


def test_a_session_has_so_many_files_and_no_more(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_entries, "MAX_ENTRIES", 3)
    session_id = begun(core, 3, 3)["session_id"]
    call(core, "cards.add", session_id=session_id, files=[missing(each) for each in "ab"])
    assert isinstance(
        refusal(core, "cards.add", session_id=session_id, files=[missing(each) for each in "cd"]), TooLarge
    )
    call(core, "cards.add", session_id=session_id, files=[missing(each) for each in "cb"])
    assert isinstance(refusal(core, "cards.add", session_id=session_id, files=[missing("d")]), TooLarge)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (["uploaded", "copying"], "uploaded"),
        (["interrupted", "copying"], "copying"),
        (["uploaded", "interrupted"], "interrupted"),
        (["copying", "copying"], "copying"),
        ([None], "copying"),
    ],
)
def test_a_state_that_comes_late_changes_nothing(core: Core, told: list[str | None], state: str) -> None:
    session_id = begun(core, 1, 1)["session_id"]
    for each in told:
        last = call(core, "cards.progress", session_id=session_id, state=each)
    assert last["state"] == state


@pytest.mark.parametrize("state", ["copying", "interrupted"])
def test_only_what_is_uploaded_is_verified(core: Core, state: str) -> None:
    session_id = begun(core, 1, 1)["session_id"]
    call(core, "cards.progress", session_id=session_id, state=state)
    assert isinstance(refusal(core, "cards.verify", session_id=session_id), WrongStatus)


def test_bytes_done_never_go_back(core: Core) -> None:
    session_id = begun(core, 1, 10)["session_id"]
    call(core, "cards.progress", session_id=session_id, bytes_done=7)
    assert call(core, "cards.progress", session_id=session_id, bytes_done=3)["bytes_done"] == 7


def test_sessions_are_listed_the_newest_first(core: Core) -> None:
    clock = Clock()
    core = replace(core, clock=clock)
    made = []
    for number in range(3):
        call(core, "cards.inserted", owner=OWNER, card={"card_id": f"c{number}"})
        params: dict[str, Any] = {"request_id": f"r{number}", "files": 1, "bytes": 1}
        made.append(call(core, "cards.begin", owner=OWNER, card_id=f"c{number}", **params)["session_id"])
    page = call(core, "cards.sessions", owner=OWNER, limit=2)
    rest = call(core, "cards.sessions", owner=OWNER, limit=2, cursor=page["next_cursor"])
    found = [each["session_id"] for each in (*page["sessions"], *rest["sessions"])]
    assert found == sorted(made, reverse=True)


def test_a_key_of_a_folder_reaches_no_cards(core: Core) -> None:
    session_id = begun(core, 1, 1)["session_id"]
    bound = Actor(OWNER, folder="Cards")
    assert isinstance(refusal(core, "cards.list", owner=OWNER, actor=bound), Forbidden)
    assert isinstance(refusal(core, "cards.session", session_id=session_id, actor=bound), NotFound)
    admin = Actor("amy@acme", administers="acme")
    assert isinstance(refusal(core, "cards.session", session_id=session_id, actor=admin), NotFound)


def test_known_files_are_found_by_key_size_and_path(core: Core) -> None:
    entry = brought(core, "DCIM/A.MP4")
    copied(core, [entry])
    asked = {name: entry[name] for name in ("path", "size", "fast_key")}
    questions = [
        asked,
        {**asked, "path": "DCIM/B.MP4"},
        {**asked, "size": asked["size"] + 1},
        {**asked, "fast_key": "0" * 16},
    ]
    found = call(core, "files.known", owner=OWNER, files=questions)["files"]
    assert found == [{name: entry[name] for name in ("file_id", "mtime_at", "sha256", "xxh64")}, None, None, None]
    assert call(core, "files.known", owner="bob", files=[asked]) == {"files": [None]}
    call(core, "files.trash", file_id=entry["file_id"])
    assert call(core, "files.known", owner=OWNER, files=[asked]) == {"files": [None]}


def test_a_file_of_another_owner_is_never_known(core: Core) -> None:
    foreign = processed_file(core, b"secret", owner="bob")
    entry = entry_of("a", b"secret", foreign["file_id"])
    copied(core, [entry])
    asked = {name: entry[name] for name in ("path", "size", "fast_key")}
    assert call(core, "files.known", owner=OWNER, files=[asked]) == {"files": [None]}


@pytest.mark.parametrize("leave", ["files.trash", "files.remove"])
def test_a_verdict_is_stale_when_the_card_comes_back_and_a_file_has_left_the_archive(core: Core, leave: str) -> None:
    entries = [brought(core, "DCIM/A.MP4"), brought(core, "DCIM/B.MP4")]
    session_id = copied(core, entries)["session_id"]
    told = {"owner": OWNER, "card": {"card_id": CARD}, "listing_sha256": listing_of(entries)}
    assert verified(core, session_id)["state"] == "copied_not_verified"
    assert call(core, "cards.inserted", **told)["session"]["state"] == "copied_not_verified"
    call(core, leave, file_id=entries[1]["file_id"])
    assert call(core, "cards.inserted", **told)["session"]["state"] == "stale"


def test_an_insertion_with_any_change_makes_a_verdict_stale(core: Core, tmp_path: Path) -> None:
    entries = [brought(core, "DCIM/A.MP4")]
    session = copied(core, entries)
    verified(core, session["session_id"])
    card = {"card_id": CARD}
    same = call(core, "cards.inserted", owner=OWNER, card=card, listing_sha256=listing_of(entries))
    assert same["session"]["state"] == "copied_not_verified"
    untold = call(core, "cards.inserted", owner=OWNER, card=card)
    assert untold["session"]["state"] == "copied_not_verified"
    other = call(core, "cards.inserted", owner=OWNER, card=card, listing_sha256="0" * 64)
    assert other["session"]["state"] == "stale"
    # Nobody reads of it that the card may be formatted.
    shown = call(core, "cards.session", session_id=session["session_id"])["verdict"]
    receipt = call(core, "cards.receipt", session_id=session["session_id"])["receipt"]
    assert shown == receipt["verdict"]
    assert (shown["state"], shown["text"][:15]) == ("stale", "DO NOT FORMAT: ")
    assert isinstance(refusal(core, "cards.verify", session_id=session["session_id"]), WrongStatus)
    late = [missing("late")]
    assert isinstance(refusal(core, "cards.add", session_id=session["session_id"], files=late), WrongStatus)
    assert begun(core, 1, 1, request_id="two")["session_id"] != session["session_id"]


def test_a_newer_session_of_a_card_takes_the_verdicts_of_the_earlier_ones_away(core: Core) -> None:
    entries = [brought(core, "DCIM/A.MP4")]
    first = verified(core, copied(core, entries)["session_id"])
    other = {"owner": OWNER, "card": {"card_id": "another"}}
    call(core, "cards.inserted", **other)
    params: Any = {"owner": OWNER, "files": 1, "bytes": 300}
    call(core, "cards.begin", **params, card_id="another", request_id="another")
    assert call(core, "cards.session", session_id=first["session_id"])["state"] == "copied_not_verified"
    # The same card, whose listing is the same, and whose file cannot be read any more.
    told = {"owner": OWNER, "card": {"card_id": CARD}, "listing_sha256": first["relisting_sha256"]}
    assert call(core, "cards.inserted", **told)["session"]["state"] == "copied_not_verified"
    second = call(core, "cards.begin", **params, card_id=CARD, request_id="two")
    call(core, "cards.add", session_id=second["session_id"], files=[{**entries[0], "status": "unreadable"}])
    shown = {each["session_id"]: each for each in call(core, "cards.sessions", owner=OWNER)["sessions"]}
    assert (shown[first["session_id"]]["state"], shown[second["session_id"]]["state"]) == ("stale", "copying")
    assert shown[first["session_id"]]["verdict"]["text"].startswith("DO NOT FORMAT: ")
    assert isinstance(refusal(core, "cards.verify", session_id=first["session_id"]), WrongStatus)


def test_a_verification_gives_no_verdict_beside_a_newer_session_of_the_card(core: Core) -> None:
    session_id = copied(core, [brought(core, "DCIM/A.MP4")])["session_id"]

    def begin() -> None:
        params: Any = {"owner": OWNER, "card_id": CARD, "request_id": "two", "files": 1, "bytes": 1}
        call(core, "cards.begin", **params)

    session = verified(core, session_id, between=begin)
    assert (session["state"], session["verdict"]) == ("stale", None)


def test_an_earlier_session_keeps_its_reasons(core: Core) -> None:
    first = verified(core, copied(core, [{**brought(core, "DCIM/A.MP4"), "sha256": "0" * 64}])["session_id"])
    assert first["state"] == "not_safe"
    params: Any = {"owner": OWNER, "card_id": CARD, "request_id": "two", "files": 1, "bytes": 1}
    call(core, "cards.begin", **params)
    shown = call(core, "cards.session", session_id=first["session_id"])
    assert (shown["state"], shown["verdict"]) == ("stale", first["verdict"])


def test_a_verdict_is_stale_when_the_card_changes_also_after_a_clock_was_set_back(core: Core) -> None:
    def verified_at(number: int, content: str) -> JSON:
        # The ids of sessions carry their time.
        then = replace(core, new_id=lambda: f"01{number:024}", clock=Clock(number))
        return verified(then, copied(then, [brought(then, content)], request_id=content)["session_id"])

    first, second = verified_at(2_000_000, "a.mp4"), verified_at(1_000_000, "b.mp4")
    assert second["session_id"] < first["session_id"]
    told = {"owner": OWNER, "card": {"card_id": CARD}, "listing_sha256": "0" * 64}
    seen = call(core, "cards.inserted", **told)
    assert (seen["session"]["session_id"], seen["session"]["state"]) == (second["session_id"], "stale")
