"""The watcher against a real gateway: permission, runs, removals, and cards beside each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.domain.cards import SessionState
from files_service.ingest.card import Card
from files_service.ingest.identity import identify
from files_service.ingest.options import Ending, Options
from files_service.ingest.permission import NoSuchCard, Permission, Permissions
from files_service.ingest.run import run_card
from files_service.ingest.volumes import Volume, Volumes
from files_service.ingest.watching import Answer, Ask, Notice, Policy, Result, Told, Watcher
from files_service.services.cards.session import change_session
from tests.gateway.owners import bearer
from tests.gateway.serving import Served
from tests.ingest.bringing import OWNER, Reading, entries, received_bytes, service_at
from tests.ingest.cards import GOPRO, fill
from tests.ingest.slots import slot, volumes_at
from tests.servers.ports import free_ports
from tests.waiting import PATIENCE_SECONDS, wait_until

QUICK = {"look_seconds": 0.05, "permission_seconds": 0.05}


class Watched:
    """A watcher, what it told, and the runs that ended."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.outcomes: list[Any] = []

    def kinds(self, *of: Told) -> list[Told]:
        return [notice.kind for notice in self.notices if not of or notice.kind in of]

    def wait(self, kind: Told, count: int = 1) -> Notice:
        wait_until(
            lambda: self.kinds().count(kind) >= count, seconds=PATIENCE_SECONDS, otherwise=f"{kind}: {self.notices}"
        )
        return [notice for notice in self.notices if notice.kind is kind][count - 1]

    def card(self, kind: Told) -> Card:
        card = self.wait(kind).card
        assert card is not None
        return card


@contextmanager
def watching(
    port: int,
    volumes: Volumes,
    state: Path,
    *,
    run: Callable[[Card, threading.Event], Result] | None = None,
    ask: Ask | None = None,
    reading: Reading | None = None,
    is_heard: bool = True,
    **policy: Any,
) -> Iterator[Watched]:
    """Watch volumes for the duration of the block; whoever reads what is told may have gone."""
    watched = Watched()

    def tell(notice: Notice) -> None:
        watched.notices.append(notice)
        if not is_heard:
            raise BrokenPipeError

    def bring(card: Card, stop: threading.Event) -> Result:
        options = Options(
            announce=False,
            verdict_seconds=0,
            first_pause_seconds=0.01,
            state_folder=state,
            stop=stop,
            read=reading or Reading(),
        )
        outcome = run_card(card, options, service_at(port))
        watched.outcomes.append(outcome)
        return Result(outcome.is_over, outcome.ending)

    watcher = Watcher(
        volumes,
        Permissions(service_at(port)),
        run or bring,
        tell,
        policy=Policy(**{**QUICK, **policy}),
        ask=ask,
    )
    watcher.start()
    try:
        yield watched
    finally:
        watcher.stop()
    assert [each for each in threading.enumerate() if each.name.startswith("card-")] == []


def files_of(served: Served) -> list[Any]:
    return list(served.result("files.list", owner=OWNER, actor=OWNER)["files"])


def sessions_of(served: Served) -> list[Any]:
    return list(served.request("GET", "/api/card-sessions", headers=bearer(OWNER)).json["sessions"])


def test_nothing_of_an_unknown_card_is_sent_until_it_is_allowed(served: Served, tmp_path: Path) -> None:
    with (
        slot(tmp_path, GOPRO) as card,
        watching(served.port, volumes_at(card, folder=tmp_path), tmp_path / "s") as seen,
    ):
        card.insert()
        found = seen.card(Told.UNKNOWN)
        assert found.card_id[:8] in seen.wait(Told.UNKNOWN).text
        permissions = Permissions(service_at(served.port))
        assert [each["card_id"] for each in permissions.cards()] == [found.card_id]
        assert permissions.current(found.card_id) is Permission.UNKNOWN
        assert (received_bytes(served), files_of(served), sessions_of(served)) == (0, [], [])
        permissions.permit(found.card_id, Permission.ALLOWED)
        seen.wait(Told.ENDED)
        [outcome] = seen.outcomes
        assert outcome.ending is Ending.COMPLETE
        told = entries(served, outcome)
        assert told.keys() == GOPRO.keys()
        # Junk is told, and not sent.
        brought = [name for name, entry in told.items() if entry["status"] == "uploaded"]
        assert set(GOPRO) - set(brought) == {"Get_started_with_GoPro.url"}
        assert received_bytes(served) == sum(len(GOPRO[name]) for name in brought)


def test_an_ignored_card_and_a_removed_one_send_nothing(served: Served, tmp_path: Path) -> None:
    with (
        slot(tmp_path, GOPRO) as card,
        watching(served.port, volumes_at(card, folder=tmp_path), tmp_path / "s") as seen,
    ):
        card.insert()
        found = seen.card(Told.UNKNOWN)
        card.pull()
        seen.wait(Told.REMOVED)
        Permissions(service_at(served.port)).permit(found.card_id, Permission.IGNORED)
        card.insert()
        seen.wait(Told.IGNORED)
    assert (received_bytes(served), files_of(served), sessions_of(served)) == (0, [], [])
    assert Told.BEGAN not in seen.kinds()


def test_an_allowed_card_begins_by_itself_and_goes_on_when_it_returns(served: Served, tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hold(descriptor: int, offset: int) -> None:
        reached.set()
        assert go_on.wait(PATIENCE_SECONDS)

    with (
        slot(tmp_path, GOPRO) as card,
        watching(served.port, volumes_at(card, folder=tmp_path), tmp_path / "s", reading=Reading(before=hold)) as seen,
    ):
        card.insert()
        found = seen.card(Told.UNKNOWN)
        Permissions(service_at(served.port)).permit(found.card_id, Permission.ALLOWED)
        assert reached.wait(PATIENCE_SECONDS)
        card.pull()
        seen.wait(Told.REMOVED)
        go_on.set()
        seen.wait(Told.ENDED)
        assert seen.outcomes[0].ending is Ending.INTERRUPTED
        card.insert()
        seen.wait(Told.ENDED, 2)
        assert seen.outcomes[-1].ending is Ending.COMPLETE
    assert len(sessions_of(served)) == 1
    assert len(files_of(served)) == len(GOPRO) - 1


@pytest.mark.parametrize(
    ("answer", "permission", "sent"),
    [
        (Answer.ONCE, Permission.UNKNOWN, True),
        (Answer.ALWAYS, Permission.ALLOWED, True),
        (Answer.IGNORE, Permission.IGNORED, False),
    ],
)
def test_a_person_at_the_terminal_is_asked(
    served: Served, tmp_path: Path, answer: Answer, permission: Permission, sent: bool
) -> None:
    asked: list[Card] = []

    def ask(card: Card, stop: threading.Event) -> Answer:
        assert received_bytes(served) == 0
        asked.append(card)
        return answer

    with (
        slot(tmp_path, GOPRO) as card,
        watching(served.port, volumes_at(card, folder=tmp_path), tmp_path / "s", ask=ask) as seen,
    ):
        card.insert()
        seen.wait(Told.ENDED if sent else Told.IGNORED)
    [found] = asked
    assert Permissions(service_at(served.port)).current(found.card_id) is permission
    assert (received_bytes(served) > 0) is sent


def test_a_service_that_does_not_answer_yet_is_waited_for(served: Served, tmp_path: Path) -> None:
    [closed] = free_ports(1)
    with slot(tmp_path, GOPRO) as card:
        card.insert()
        with watching(closed, volumes_at(card, folder=tmp_path), tmp_path / "s") as seen:
            seen.wait(Told.WAITING)
        with watching(served.port, volumes_at(card, folder=tmp_path), tmp_path / "s") as seen:
            # It was there before the watcher.
            seen.wait(Told.UNKNOWN)


class Reader(Volumes):
    """A reader with slots, whose cards are folders."""

    def __init__(self) -> None:
        self.cards: tuple[Volume, ...] = ()

    def current(self) -> tuple[Volume, ...]:
        return self.cards

    def wait(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def put_in(self, roots: Sequence[Path], reader: str = "usb1") -> None:
        self.cards += tuple(Volume(key=str(root), root=root, reader=reader) for root in roots)


def allowed_folders(served: Served, folder: Path, count: int) -> list[Path]:
    """Make folders that are allowed cards."""
    permissions = Permissions(service_at(served.port))
    roots = [folder / f"card{number}" for number in range(count)]
    for root in roots:
        root.mkdir()
        fill(root, {"DCIM/100GOPRO/GX010001.MP4": root.name.encode()})
        permissions.sight(identify(root), "0" * 64)
        permissions.permit(identify(root).card_id, Permission.ALLOWED)
    return roots


def test_the_cards_of_one_reader_share_it_and_those_of_others_do_not_wait(served: Served, tmp_path: Path) -> None:
    roots, reader = allowed_folders(served, tmp_path, 5), Reader()
    running: set[Path] = set()
    most: list[int] = []
    go_on = threading.Event()
    lock = threading.Lock()

    def run(card: Card, stop: threading.Event) -> Result:
        with lock:
            running.add(card.root)
            most.append(len(running & set(roots[:4])))
        assert go_on.wait(PATIENCE_SECONDS)
        with lock:
            running.discard(card.root)
        return Result(is_over=True, text="done")

    with watching(served.port, reader, tmp_path / "s", run=run, parallel=2) as seen:
        reader.put_in(roots[:4])
        wait_until(lambda: len(running) == 2, seconds=PATIENCE_SECONDS)
        seen.wait(Told.FOUND, 4)
        # While all are busy, another reader's card is seen, and begins.
        reader.put_in(roots[4:], "usb2")
        wait_until(lambda: roots[4] in running, seconds=PATIENCE_SECONDS)
        go_on.set()
        seen.wait(Told.ENDED, 5)
    assert max(most) == 2


def test_a_card_that_is_put_in_again_waits_for_the_end_of_its_run(served: Served, tmp_path: Path) -> None:
    roots, reader = allowed_folders(served, tmp_path, 2), Reader()
    go_on = threading.Event()

    def run(card: Card, stop: threading.Event) -> Result:
        if card.root == roots[0]:
            # A run that takes a while to end.
            assert go_on.wait(PATIENCE_SECONDS)
        return Result(is_over=not stop.is_set(), text="ended")

    with watching(served.port, reader, tmp_path / "s", run=run, parallel=3) as seen:
        reader.put_in(roots[:1])
        seen.wait(Told.BEGAN)
        reader.cards = ()
        seen.wait(Told.REMOVED)
        reader.put_in(roots[:1])
        seen.wait(Told.FOUND, 2)
        # Another card of the reader does not wait.
        reader.put_in(roots[1:])
        seen.wait(Told.ENDED)
        assert seen.kinds(Told.BEGAN) == [Told.BEGAN] * 2
        go_on.set()
        seen.wait(Told.ENDED, 3)
    assert seen.kinds(Told.BEGAN) == [Told.BEGAN] * 3


def test_no_insertion_and_no_removal_is_missed_while_cards_are_busy(served: Served, tmp_path: Path) -> None:
    roots, reader = allowed_folders(served, tmp_path, 8), Reader()
    stopped: list[Path] = []

    def run(card: Card, stop: threading.Event) -> Result:
        assert stop.wait(PATIENCE_SECONDS)
        stopped.append(card.root)
        return Result(is_over=False, text="interrupted")

    with watching(served.port, reader, tmp_path / "s", run=run, parallel=16) as seen:
        reader.put_in(roots)
        seen.wait(Told.BEGAN, 8)
        reader.cards = ()
        seen.wait(Told.REMOVED, 8)
        wait_until(lambda: sorted(stopped) == roots, seconds=PATIENCE_SECONDS)
        reader.put_in(roots)
        seen.wait(Told.BEGAN, 16)
    assert sorted(stopped) == sorted(roots * 2)


def test_a_run_that_is_interrupted_or_fails_is_repeated_while_the_card_is_there(served: Served, tmp_path: Path) -> None:
    [root], reader = allowed_folders(served, tmp_path, 1), Reader()
    turns = iter(("interrupted", "fault", "done"))

    def run(card: Card, stop: threading.Event) -> Result:
        turn = next(turns)
        if turn == "fault":
            raise ValueError(turn)
        return Result(is_over=turn == "done", text=turn)

    with watching(served.port, reader, tmp_path / "s", run=run) as seen:
        reader.put_in([root])
        wait_until(lambda: any("done" in each.text for each in seen.notices), seconds=PATIENCE_SECONDS)
    assert seen.kinds(Told.BEGAN) == [Told.BEGAN] * 3


def test_cards_are_taken_also_when_nobody_reads_what_is_told(served: Served, tmp_path: Path) -> None:
    roots, reader = allowed_folders(served, tmp_path, 2), Reader()
    with watching(served.port, reader, tmp_path / "s", is_heard=False) as seen:
        for number, root in enumerate(roots):
            reader.put_in([root])
            seen.wait(Told.ENDED, number + 1)
            reader.cards = ()
            seen.wait(Told.REMOVED, number + 1)
    assert [outcome.ending for outcome in seen.outcomes] == [Ending.COMPLETE] * 2
    assert Told.UNREADABLE not in seen.kinds()


def test_a_volume_without_folders_of_a_camera_is_no_card_unless_all_are(served: Served, tmp_path: Path) -> None:
    root, reader = tmp_path / "stick", Reader()
    root.mkdir()
    fill(root, {"thesis.txt": b"text"})
    reader.put_in([root])
    with watching(served.port, reader, tmp_path / "s") as seen:
        seen.wait(Told.NO_CARD)
    assert Permissions(service_at(served.port)).cards() == []
    with watching(served.port, reader, tmp_path / "s", any_volume=True) as seen:
        seen.wait(Told.UNKNOWN)


def test_a_card_whose_session_has_its_verdict_is_not_run_again(served: Served, tmp_path: Path) -> None:
    permissions = Permissions(service_at(served.port))
    root = tmp_path / "card"
    root.mkdir()
    fill(root, GOPRO)
    for state, listing, is_done in (
        *(("safe", "a" * 64, True), ("copied_not_verified", "a" * 64, True), ("safe", "b" * 64, False)),
        *(("not_safe", "a" * 64, False), ("copying", "a" * 64, False)),
    ):
        sighting = permissions.sight(identify(root), "a" * 64)
        assert sighting.session is None
        told = type(sighting)(sighting.permission, {"state": state, "listing_sha256": listing})
        assert told.is_done("a" * 64) is is_done


def test_the_verdict_is_told_also_of_a_card_that_is_gone(served: Served, tmp_path: Path) -> None:
    [root], reader = allowed_folders(served, tmp_path, 1), Reader()
    volumes = Reader()
    with watching(served.port, volumes, tmp_path / "s") as first:
        volumes.put_in([root])
        first.wait(Told.ENDED)
        [session] = sessions_of(served)
        assert Permissions(service_at(served.port)).verdict(session["session_id"]) == ""

    def run(card: Card, stop: threading.Event) -> Result:
        return Result(is_over=True, text="complete", session_id=session["session_id"])

    with watching(served.port, reader, tmp_path / "s", run=run) as seen:
        reader.put_in([root])
        seen.wait(Told.ENDED)
        reader.cards = ()
        seen.wait(Told.REMOVED)
        assert Told.VERDICT not in seen.kinds()
        verdict = {"text": "SAFE TO FORMAT"}
        change_session(
            served.core,
            session["session_id"],
            lambda before: replace(before, state=SessionState.SAFE, verdict=verdict),
        )
        assert seen.wait(Told.VERDICT).text.endswith(": SAFE TO FORMAT")


def test_the_beginning_of_an_id_names_one_card(served: Served, tmp_path: Path) -> None:
    permissions = Permissions(service_at(served.port))
    roots = allowed_folders(served, tmp_path, 2)
    first, second = (identify(root).card_id for root in roots)
    assert permissions.find(first[:12])["card_id"] == first
    assert {each["card_id"] for each in permissions.cards()} == {first, second}
    for beginning in ("", "zz"):
        with pytest.raises(NoSuchCard):
            permissions.find(beginning)
    with pytest.raises(NoSuchCard):
        permissions.current("zz")
