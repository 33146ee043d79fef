"""The relay: every change announced, in order, under an id that stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from files_service.core import Core
from files_service.errors import NotSupported, ServiceUnavailable
from files_service.runtime import recounts
from files_service.runtime.lease import Lease
from files_service.worker import relay as relaying
from files_service.worker.partitions import LEASE_SECONDS, PARTITIONS
from files_service.worker.relay import Relay
from storage_adapters import BEGINNING, MetadataStore, SupportsChanges, SupportsDocuments
from tests.clocks import Clock
from tests.contract.document_scenes import delete, make_document
from tests.cores import call, processed_file, uploaded_file
from tests.feeds import by_file, file_changes, is_announced
from tests.publishers import Collector


def feed(core: Core) -> SupportsChanges:
    assert isinstance(core.metadata, SupportsChanges)
    return core.metadata


def expected_ids(core: Core) -> list[str]:
    changes = file_changes(feed(core), after="", limit=10_000)
    return [f"{change.file_id}:{change.revision}" for change in changes if change.event is not None]


def relay(core: Core, publisher: Collector, holder: str = "one") -> Relay:
    return Relay(core, publisher, holder=holder)


def share_out(clock: Clock, *relays: Relay) -> None:
    """Let relays find each other and divide the partitions."""
    for _ in range(3):
        clock.pass_seconds(1)
        for each in relays:
            each.step()


def test_changes_become_events_in_their_order(core: Core) -> None:
    publisher = Collector()
    record = processed_file(core)
    call(core, "files.remove", file_id=record["file_id"])
    relay(core, publisher).step()
    assert publisher.names == ["created", "uploaded", "processed", "removed"]
    assert publisher.ids == expected_ids(core)


def test_an_event_tells_what_happened_to_which_record_and_no_secret(core: Core) -> None:
    publisher = Collector()
    record = uploaded_file(core, request_id="secret", post_action={"update": {"alias": "secret"}})
    relay(core, publisher).step()
    created, uploaded = publisher.events
    assert uploaded.event_id == f"{record['file_id']}:{record['revision']}"
    assert uploaded.payload["event"] == "uploaded"
    assert uploaded.payload["event_id"] == uploaded.event_id
    assert uploaded.payload["changed_at"] >= created.payload["changed_at"] > 0
    assert uploaded.payload["status"] == "uploaded"
    assert not {"request_id", "post_action"} & uploaded.payload.keys()


def test_a_change_that_is_nobodys_business_is_passed_over(core: Core) -> None:
    publisher = Collector()
    processed_file(core)
    relay(core, publisher).step()
    assert len(publisher.events) == 3
    assert len(file_changes(feed(core), after="", limit=100)) == 4
    assert is_announced(feed(core))


def test_changes_of_documents_announce_nothing_and_are_passed(core: Core) -> None:
    publisher = Collector()
    noticed: list[str] = []
    documents = core.metadata
    assert isinstance(documents, SupportsDocuments)
    first = documents.put_document(make_document(), expected_revision=0)
    uploaded_file(core)
    delete(documents, first)
    relaying_one = Relay(core, publisher, holder="one", on_change=lambda change: noticed.append(change.file_id))
    relaying_one.step()
    assert publisher.names == ["created", "uploaded"]
    assert len(noticed) == 2
    assert is_announced(feed(core))
    assert feed(core).trim_changes(limit=9) == 4


def test_the_next_relay_goes_on_where_the_last_one_ended(core: Core) -> None:
    publisher = Collector()
    uploaded_file(core)
    first = relay(core, publisher)
    first.step()
    first.give_up()
    uploaded_file(core)
    relay(core, publisher, "two").step()
    assert publisher.names == ["created", "uploaded"] * 2


def test_a_publisher_that_fails_loses_and_reorders_nothing(core: Core) -> None:
    publisher = Collector()
    for _ in range(5):
        uploaded_file(core)
    one = relay(core, publisher)
    for _ in range(4):
        publisher.failures = 1
        with pytest.raises(ServiceUnavailable):
            one.step()
    one.step()
    assert by_file(publisher.ids) == by_file(expected_ids(core))


def test_what_was_published_before_a_failure_is_not_published_again(core: Core) -> None:
    publisher = Collector()
    uploaded_file(core)
    one = relay(core, publisher)
    publish = publisher.publish

    def once(event: str, payload: dict[str, object], *, event_id: str) -> None:
        publisher.broken = bool(publisher.events)
        publish(event, payload, event_id=event_id)

    publisher.publish = once  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        one.step()
    publisher.publish = publish  # type: ignore[method-assign]
    publisher.broken = False
    one.step()
    assert len(publisher.events) == 2
    assert publisher.ids == expected_ids(core)


def test_two_relays_share_the_files(core: Core) -> None:
    clock, publishers = Clock(), (Collector(), Collector())
    core = replace(core, clock=clock, timer=clock)
    one, two = relay(core, publishers[0], "one"), relay(core, publishers[1], "two")
    one.step()
    assert two.step() == relaying.RETRY_SECONDS
    share_out(clock, one, two)
    assert (one.partitions, two.partitions) == (PARTITIONS / 2, PARTITIONS / 2)
    for _ in range(40):
        uploaded_file(core)
    one.step()
    two.step()
    files = [by_file(each.ids) for each in publishers]
    assert all(files)
    assert not files[0].keys() & files[1].keys()
    assert files[0] | files[1] == by_file(expected_ids(core))
    assert is_announced(feed(core))


def test_a_relay_that_ends_gives_its_partitions_to_the_others_at_once(core: Core) -> None:
    clock, publisher = Clock(), Collector()
    core = replace(core, clock=clock, timer=clock)
    relays = [relay(core, publisher, str(number)) for number in range(3)]
    share_out(clock, *relays)
    assert sorted(each.partitions for each in relays) == [2, 3, 3]
    relays[0].give_up()
    share_out(clock, *relays[1:])
    assert [each.partitions for each in relays[1:]] == [4, 4]
    for _ in range(20):
        uploaded_file(core)
    for each in relays[1:]:
        each.step()
    assert by_file(publisher.ids) == by_file(expected_ids(core))
    assert len(publisher.events) == len(publisher.ids)


def test_more_relays_than_partitions_wait_until_there_is_room(core: Core) -> None:
    clock, publisher = Clock(), Collector()
    core = replace(core, clock=clock, timer=clock)
    relays = [relay(core, publisher, str(number)) for number in range(PARTITIONS + 1)]
    share_out(clock, *relays)
    assert [each.partitions for each in relays] == [1] * PARTITIONS + [0]
    relays.pop(3).give_up()
    share_out(clock, *relays)
    assert [each.partitions for each in relays] == [1] * PARTITIONS


def test_a_relay_that_died_is_replaced_when_its_lease_is_over(core: Core) -> None:
    clock, publisher = Clock(), Collector()
    core = replace(core, clock=clock, timer=clock)
    uploaded_file(core)
    relay(core, publisher, "dead").step()
    uploaded_file(core)
    two = relay(core, publisher, "two")
    clock.pass_seconds(LEASE_SECONDS - 1)
    two.step()
    assert len(publisher.events) == 2
    clock.pass_seconds(1)
    two.step()
    assert len(publisher.events) == 4


def test_a_relay_that_was_overtaken_starts_again_from_the_checkpoint(core: Core) -> None:
    clock, publisher = Clock(), Collector()
    core = replace(core, clock=clock, timer=clock)
    sleeper = relay(core, publisher, "sleeper")
    uploaded_file(core)
    sleeper.step()
    clock.pass_seconds(2 * LEASE_SECONDS)
    other = relay(core, publisher, "other")
    uploaded_file(core)
    other.step()
    other.give_up()
    # It has the leases again, and does not know that the feed went on without it.
    sleeper.step()
    uploaded_file(core)
    sleeper.step()
    assert publisher.ids == expected_ids(core)
    assert is_announced(feed(core))


def test_a_relay_whose_lease_is_lost_while_it_publishes_leaves_the_rest_to_the_other(core: Core) -> None:
    clock, publisher = Clock(), Collector()
    core = replace(core, clock=clock, timer=clock)
    for _ in range(2):
        uploaded_file(core)
    two = relay(core, publisher, "two")
    publish = publisher.publish

    def pause(event: str, payload: dict[str, object], *, event_id: str) -> None:
        publish(event, payload, event_id=event_id)
        if len(publisher.events) == 1:
            clock.pass_seconds(2 * LEASE_SECONDS)
            two.step()

    publisher.publish = pause  # type: ignore[method-assign]
    relay(core, publisher).step()
    assert by_file(publisher.ids) == by_file(expected_ids(core))
    # The wave that was on its way, and no more, was published by both.
    assert len(publisher.events) == 6
    assert is_announced(feed(core))


def test_a_relay_that_is_told_to_stop_ends_in_the_middle_of_a_batch(core: Core) -> None:
    publisher = Collector()
    processed_file(core)
    Relay(core, publisher, holder="one", stopped=lambda: len(publisher.events) == 2).step()
    assert publisher.names == ["created", "uploaded"]
    second, third = file_changes(feed(core), after="", limit=3)[1:]
    assert is_announced(feed(core), second.sequence)
    assert not is_announced(feed(core), third.sequence)


def test_the_checkpoint_of_an_earlier_release_becomes_that_of_all_partitions(core: Core) -> None:
    publisher = Collector()
    for _ in range(3):
        uploaded_file(core)
    store = feed(core)
    store.move_checkpoint("relay", expected="", sequence=file_changes(store, after="", limit=3)[-1].sequence)
    relay(core, publisher).step()
    assert by_file(publisher.ids) == by_file(expected_ids(core)[3:])
    assert store.checkpoint("relay") == ""
    assert is_announced(store)


def test_a_division_that_was_interrupted_is_finished(core: Core) -> None:
    publisher = Collector()
    for _ in range(2):
        uploaded_file(core)
    store = feed(core)
    first, *_, last = [each.sequence for each in file_changes(store, after="", limit=9)]
    # Half of the partitions were given a checkpoint, one of them before the earlier release ran once more.
    store.move_checkpoint("relay", expected="", sequence=last)
    store.move_checkpoint("relay-0", expected="", sequence=first)
    store.move_checkpoint("relay-1", expected="", sequence=last)
    one = relay(core, publisher)
    one.step()
    assert publisher.events == []
    uploaded_file(core)
    one.step()
    assert publisher.ids == expected_ids(core)[4:]
    assert is_announced(store)


def test_the_relay_of_an_earlier_release_and_this_one_exclude_each_other(core: Core) -> None:
    clock, publisher = Clock(), Collector()
    core = replace(core, clock=clock, timer=clock)
    earlier = Lease(core.metadata, "relay", holder="earlier", seconds=LEASE_SECONDS, clock=clock, timer=clock)
    assert earlier.held()
    uploaded_file(core)
    one = relay(core, publisher)
    assert one.step() == relaying.RETRY_SECONDS
    assert publisher.events == []
    earlier.release()
    clock.pass_seconds(1)
    one.step()
    assert len(publisher.events) == 2
    assert not earlier.held()


def test_nothing_is_trimmed_that_a_partition_without_a_worker_needs(core: Core) -> None:
    clock, publishers = Clock(), (Collector(), Collector())
    core = replace(core, clock=clock, timer=clock)
    one, two = (relay(core, publisher, str(number)) for number, publisher in enumerate(publishers))
    share_out(clock, one, two)
    for _ in range(20):
        uploaded_file(core)
    one.step()
    expected = expected_ids(core)
    feed(core).trim_changes(limit=100)
    two.step()
    assert by_file(publishers[0].ids) | by_file(publishers[1].ids) == by_file(expected)


def test_the_feed_is_trimmed_behind_the_relay(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "TRIM_EVERY", 4)
    publisher = Collector()
    one = relay(core, publisher)
    for _ in range(6):
        uploaded_file(core)
        one.step()
    assert publisher.names == ["created", "uploaded"] * 6
    assert len(file_changes(feed(core), after="", limit=100)) < 4


def test_a_recount_that_died_holds_the_feed_no_longer(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "TRIM_EVERY", 4)
    changes = feed(core)
    changes.move_checkpoint(recounts.CONSUMER, expected="", sequence=changes.last_sequence() or BEGINNING)
    runner = Lease(core.metadata, recounts.LEASE, holder="runner", seconds=60, clock=core.clock)
    assert runner.renew()
    one = relay(core, Collector())

    def waiting() -> int:
        for _ in range(6):
            uploaded_file(core)
            one.step()
        return len(file_changes(changes, after="", limit=100))

    assert (waiting(), waiting()) == (12, 24)
    runner.release()
    assert waiting() < 24
    assert changes.checkpoint(recounts.CONSUMER) == ""


def test_the_lag_says_how_much_is_waiting_and_how_long(core: Core) -> None:
    clock, publisher = Clock(), Collector(broken=True)
    core = replace(core, clock=clock, timer=clock)
    uploaded_file(core)
    clock.pass_seconds(3)
    one = relay(core, publisher)
    with pytest.raises(ServiceUnavailable):
        one.step()
    assert (one.lag_changes, one.lag_seconds) == (2, 3.0)
    publisher.broken = False
    one.step()
    assert (one.lag_changes, one.lag_seconds, one.published) == (0, 0.0, 2)


def test_an_idle_relay_looks_less_often_up_to_a_limit(core: Core) -> None:
    one = relay(core, Collector())
    waits = [one.step() for _ in range(6)]
    assert waits == sorted(waits)
    assert waits[-1] == relaying.LONGEST_IDLE_SECONDS
    uploaded_file(core)
    assert one.step() == 0
    assert one.step() < relaying.LONGEST_IDLE_SECONDS


def test_a_store_without_a_feed_is_refused(core: Core) -> None:
    class Bare:
        """Has no capability at all."""

    bare: MetadataStore = Bare()  # type: ignore[assignment]
    with pytest.raises(NotSupported):
        relay(replace(core, metadata=bare), Collector())
