"""The census over real nodes: repairs, losses, garbage, nodes that come and go, and their removal."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.domain.chunking import chunk_key, names_in_chunk_key
from files_service.domain.uploads import part_key
from files_service.errors import BytesLost, Conflict, ServiceUnavailable
from files_service.nodes.controller.census import reports, runner
from files_service.nodes.controller.census.throttle import PULLS_OF_NODE, Throttle
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.locations import file_with_locations
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.operations import restore_chunks
from files_service.nodes.controller.removal import remove, sole_copies
from files_service.nodes.controller.replicator import Replicator
from files_service.runtime.lease import Lease
from files_service.services.scrub.marks import require_kept
from files_service.services.wanted_blobs import wanted_blobs
from files_service.worker.sweeper import Sweeper
from storage_adapters import SupportsListing
from storage_adapters.blobs.nodes.description import PIECE_BYTES
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.naming import generation_of, piece_name
from tests.cores import call, processed_file
from tests.nodes.censuses import Cluster, cluster, everywhere, keys, stored
from tests.nodes.pings import KEYS
from tests.secrets_in_logs import WATCH
from tests.waiting import PATIENCE_SECONDS, wait_until

NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
OUT = 1_800.001


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, "a", "b", "c") as running:
        yield running


def put_garbage(nodes: Cluster, number: int = 0) -> str:
    """Bytes of a file that never was."""
    key = part_key("ann", NOBODY, f"p{number}")
    nodes.core.blobs.put(key, [b"garbage"], content_type="a/b", now=nodes.core.clock())
    return key


def test_missing_copies_are_made_and_the_census_is_quiet_then(nodes: Cluster) -> None:
    stored(nodes.core)
    before = everywhere(nodes)
    assert {len(holders) for holders in before.values()} == {2}
    for key, holders in before.items():
        nodes.drop(min(holders), key)
    outcome = nodes.census()
    assert outcome is not None
    assert (outcome.complete, outcome.repairs, outcome.failed_repairs, outcome.wanted) == (True, 3, 0, 3)
    assert everywhere(nodes) == before
    assert outcome.under_replicated == 0
    again = nodes.census()
    assert again is not None
    assert (again.epoch, again.repairs, again.lost_chunks) == (outcome.epoch + 1, 0, 0)


def test_chunks_without_nodes_for_their_copies_are_counted_and_those_that_may_be_on_a_silent_node_are_not(
    nodes: Cluster,
) -> None:
    stored(nodes.core)
    nodes.stop("a")
    outcome = nodes.census()
    assert outcome is not None
    assert (outcome.complete, outcome.under_replicated) == (False, 0)
    nodes.start("a")
    layouts = Layouts(nodes.core)
    for name in ("b", "c"):
        layouts.set_state(nodes.node_id(name), "draining", accept_fewer_copies=True)
    nodes.census()
    for name in ("b", "c"):
        layouts.set_state(nodes.node_id(name), "removed", accept_fewer_copies=True)
    outcome = nodes.census()
    assert outcome is not None
    assert (outcome.complete, outcome.repairs, outcome.lost_chunks, outcome.under_replicated) == (True, 0, 0, 3)


def test_a_lost_chunk_is_told_as_lost_bytes_of_its_file(nodes: Cluster) -> None:
    record = stored(nodes.core)
    key = keys(nodes.core)[1]
    for name in nodes.holders(key):
        nodes.drop(name, key)
    outcome = nodes.census()
    assert outcome is not None
    assert outcome.lost_chunks == 1
    assert outcome.lost[0].startswith(key)
    after = nodes.core.metadata.get(record.file_id)
    with pytest.raises(BytesLost):
        require_kept(after, after.parts[0])
    shown = file_with_locations(nodes.controller(), record.file_id, None, start=0, limit=10)["chunks"]
    assert [chunk.get("lost", False) for chunk in shown] == [False, True, False]
    assert [len(chunk["location"]) for chunk in shown] == [2, 0, 2]


@pytest.mark.parametrize("by", ["census", "operator"])
def test_what_was_deleted_and_is_wanted_again_comes_back_from_the_trash(nodes: Cluster, by: str) -> None:
    """As where the metadata were restored from a backup."""
    record = stored(nodes.core)
    large = random.Random(3).randbytes(PIECE_BYTES + 1)
    nodes.core.blobs.put("ab/large/p0", [large], content_type="a/b", now=nodes.core.clock())
    before = everywhere(nodes)
    nodes.core.blobs.delete_many([*before, "ab/large/p0"])
    if by == "operator":
        back, silent = restore_chunks(nodes.controller(), [*before, "ab/large/p0", "ab/other/p0"])
        assert (back, silent) == ({*before, "ab/large/p0"}, [])
        assert b"".join(nodes.core.blobs.get("ab/large/p0")) == large
    outcome = nodes.census()
    assert outcome is not None
    assert (outcome.complete, outcome.lost_chunks) == (True, 0)
    assert everywhere(nodes) == before
    assert b"".join(piece for key in before for piece in nodes.core.blobs.get(key))
    require_kept(nodes.core.metadata.get(record.file_id), record.parts[0])


def test_garbage_goes_to_the_trash_in_the_second_census_and_nothing_else_does(nodes: Cluster) -> None:
    stored(nodes.core)
    garbage, before = put_garbage(nodes), everywhere(nodes)
    first = nodes.census()
    assert first is not None
    assert (first.candidates, first.trashed, nodes.holders(garbage)) == (2, 0, nodes.holders(garbage))
    second = nodes.census()
    assert second is not None
    assert (second.trashed, nodes.holders(garbage)) == (2, set())
    assert everywhere(nodes) == before


def test_garbage_that_is_young_stays(nodes: Cluster) -> None:
    garbage = put_garbage(nodes)
    stored(nodes.core)
    outcomes = [nodes.census(garbage_age=24 * 3_600.0) for _ in range(3)]
    assert [outcome and outcome.trashed for outcome in outcomes] == [0, 0, 0]
    assert len(nodes.holders(garbage)) == 2


def test_much_garbage_waits_for_a_confirmation_that_counts_once(nodes: Cluster) -> None:
    stored(nodes.core)
    fuse = {"fuse_floor": 0, "fuse_share": 0.0}
    put_garbage(nodes)
    nodes.census(**fuse)
    held = nodes.census(**fuse)
    assert held is not None
    assert (sum(held.held_back.values()), held.trashed) == (2, 0)
    assert reports.confirm(nodes.core) == 2
    # A census that cannot move anything does not use it up.
    nodes.stop("c")
    nodes.census(**fuse)
    nodes.start("c")
    done = nodes.census(**fuse)
    assert done is not None
    assert (done.held_back, done.trashed) == ({}, 2)
    put_garbage(nodes, 1)
    nodes.census(**fuse)
    again = nodes.census(**fuse)
    assert again is not None
    assert (again.trashed, reports.confirm(nodes.core)) == (0, 2)


def test_bytes_that_are_kept_on_purpose_are_repaired_and_never_garbage(nodes: Cluster) -> None:
    file_id = processed_file(nodes.core, b"kept")["file_id"]
    [key] = keys(nodes.core)
    call(nodes.core, "files.remove", file_id=file_id, soft=True)
    stored(nodes.core)
    before = nodes.holders(key)
    nodes.drop(min(before), key)
    for _ in range(3):
        outcome = nodes.census()
        assert outcome is not None
        assert (outcome.candidates, outcome.trashed) == (0, 0)
    assert nodes.holders(key) == before


def test_while_a_node_is_silent_nothing_is_destroyed_or_taken_for_lost(nodes: Cluster) -> None:
    stored(nodes.core)
    put_garbage(nodes)
    nodes.census()
    before = everywhere(nodes)
    nodes.stop("c")
    only_there = [key for key, holders in before.items() if "c" in holders]
    for key in only_there:
        nodes.drop(min(before[key] - {"c"}), key)
    outcome = nodes.census()
    assert outcome is not None
    assert (outcome.complete, outcome.trashed, outcome.lost_chunks) == (False, 0, 0)
    assert outcome.unavailable_chunks == len(only_there)
    located = file_with_locations(nodes.controller(), nodes_file(nodes), None, start=0, limit=10)["chunks"]
    assert {tuple(chunk["unknown"]) for chunk in located} == {(nodes.node_id("c"),)}
    assert not any("lost" in chunk for chunk in located)


def nodes_file(nodes: Cluster) -> str:
    return next(blob.file_id for blob in wanted_blobs(nodes.core) if blob.file_id)


def test_deletions_that_a_node_missed_reach_it_when_it_returns(nodes: Cluster) -> None:
    stored(nodes.core)
    removed = processed_file(nodes.core, b"removed")["file_id"]
    [key] = [blob.key for blob in wanted_blobs(nodes.core) if blob.file_id == removed]
    away = max(nodes.holders(key))
    nodes.stop(away)
    call(nodes.core, "files.remove", file_id=removed)
    later = replace(nodes.core, clock=lambda: nodes.core.clock() + 10 * 86_400_000)
    Sweeper(later, holder="sweeper").sweep()
    nodes.start(away)
    assert nodes.holders(key) == {away}
    assert [nodes.census() and nodes.holders(key) for _ in range(2)] == [{away}, set()]
    assert isinstance(nodes.core.blobs, SupportsListing)


def test_a_node_that_is_out_is_replaced_and_taken_back(nodes: Cluster) -> None:
    stored(nodes.core)
    before = everywhere(nodes)
    watch = nodes.watch()
    nodes.ping("a")
    watch.step()
    lost = nodes.node_id("c")
    nodes.stop("c")
    assert Layouts(nodes.core).set_out([lost], instead_of=[])
    assert nodes.census() is not None
    assert {frozenset(nodes.holders(key)) for key in keys(nodes.core)} == {frozenset({"a", "b"})}
    nodes.start("c")
    outcome = nodes.census()
    assert outcome is not None
    assert outcome.complete
    assert Layouts(nodes.core).out() == []
    nodes.census()
    assert everywhere(nodes) == before


def test_a_piece_of_a_blob_that_never_was_hinders_no_repair_while_a_node_is_away(nodes: Cluster) -> None:
    stored(nodes.core)
    key = chunk_key("ann", "0" * 64, "5")
    assert names_in_chunk_key(key) is not None
    stray = piece_name(key, generation_of(1, b"stray!"), 0)
    nodes.nodes["a"].node.answer(m.PutChunk(stray, hashlib.sha256(b"stray").hexdigest(), b"stray"))
    nodes.stop("c")
    assert Layouts(nodes.core).set_out([nodes.node_id("c")], instead_of=[])
    outcome = nodes.census()
    assert outcome is not None
    assert outcome.error == ""
    assert {frozenset(nodes.holders(key)) for key in keys(nodes.core)} == {frozenset({"a", "b"})}
    assert stray in nodes.names("a")


def test_a_drained_node_gives_its_chunks_away_and_can_be_removed(nodes: Cluster) -> None:
    stored(nodes.core)
    layouts, node_id = Layouts(nodes.core), nodes.node_id("c")
    layouts.set_state(node_id, "draining")
    nodes.census()
    assert {frozenset(holders) for holders in everywhere(nodes).values()} == {frozenset({"a", "b"})}
    assert remove(nodes.controller(), node_id).names == ()
    assert [node.node_id for node in layouts.load().registered if node.node_id == node_id] == []


def test_a_node_with_the_only_good_copy_is_not_removed(nodes: Cluster) -> None:
    stored(nodes.core)
    key, holders = next(iter(everywhere(nodes).items()))
    kept, other = sorted(holders)
    nodes.drop(other, key)
    controller = nodes.controller()
    with pytest.raises(Conflict) as refused:
        remove(controller, nodes.node_id(kept))
    assert refused.value.details["chunks"] == 1
    assert len(sole_copies(controller, nodes.node_id(kept)).names) == 1
    assert len(remove(controller, nodes.node_id(kept), accept_loss=1).names) == 1


def test_a_dead_node_is_not_removed_while_another_is_silent(nodes: Cluster) -> None:
    stored(nodes.core)
    ids = {name: nodes.node_id(name) for name in ("b", "c")}
    nodes.stop("b")
    nodes.stop("c")
    with pytest.raises(ServiceUnavailable):
        remove(nodes.controller(), ids["c"])


def test_one_process_at_a_time_runs_the_census(nodes: Cluster) -> None:
    stored(nodes.core)
    lease = Lease(nodes.core.metadata, "census", holder="another", seconds=60)
    assert lease.renew()
    assert nodes.census() is None
    lease.release()
    assert nodes.census() is not None


def test_a_census_of_one_process_is_that_of_all_until_something_changes(nodes: Cluster) -> None:
    stored(nodes.core)
    nodes_of_census = Nodes(KEYS)
    try:
        runners = [
            runner.CensusRunner(
                nodes.core, nodes.watch(), lambda: nodes_of_census, holder=f"h{number}", throttle=Throttle(), settle=0
            )
            for number in range(2)
        ]
        epochs = []
        for asks in (False, False, True):
            if asks:
                reports.ask(nodes.core)
            for each in runners:
                each._watch.step()
                each.step()
            outcome = reports.load_outcome(nodes.core)
            assert outcome is not None
            epochs.append(outcome.epoch)
    finally:
        nodes_of_census.close()
    assert epochs == [1, 1, 2]


def test_the_deletions_of_a_holder_that_was_stopped_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LEASE_SECONDS", 1.0)
    metadata_url = f"sqlite:///{tmp_path / 'metadata.db'}"
    with cluster(tmp_path, "a", "b", metadata_url=metadata_url) as nodes:
        stored(nodes.core)
        garbage = put_garbage(nodes)
        assert nodes.census() is not None
        arguments = (metadata_url, nodes.core.settings.blobs_url, str(tmp_path / "stopped"))
        stopped = subprocess.Popen(
            [sys.executable, "-m", "tests.nodes.stopped_census", *arguments], stdout=subprocess.PIPE, text=True
        )
        try:
            wait_until(lambda: process_state(stopped.pid) == "T", seconds=PATIENCE_SECONDS)
            # It takes a second until the lease of the stopped one has ended.
            wait_until(lambda: nodes.census(garbage_age=86_400.0) is not None, seconds=PATIENCE_SECONDS)
            stopped.send_signal(signal.SIGCONT)
            told, _ = stopped.communicate(timeout=PATIENCE_SECONDS)
        finally:
            stopped.kill()
            stopped.wait()
        WATCH.look_at(told)
        assert told.startswith("2 candidates, 0 trashed: ")
        assert "has begun" in told
        assert nodes.holders(garbage) == {"a", "b"}


def process_state(pid: int) -> str:
    """The letter of the state of a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_an_upload_gets_the_copies_that_its_write_did_not_make(nodes: Cluster) -> None:
    record = stored(nodes.core)
    before = everywhere(nodes)
    for key, holders in before.items():
        nodes.drop(min(holders), key)
    controller, watch = nodes.controller(), nodes.watch()
    watch.step()
    replicator = Replicator(nodes.core, watch, lambda: controller.nodes, throttle=Throttle())
    replicator.notice(record.file_id)
    replicator.notice(NOBODY)
    replicator.step()
    assert everywhere(nodes) == before
    assert (replicator.copied, replicator.waiting) == (2, 0)
    controller.close()


def test_the_throttle_spreads_bytes_over_time() -> None:
    waited: list[float] = []
    throttle = Throttle(bytes_a_second=100, timer=lambda: 0.0, sleep=waited.append)
    for _ in range(3):
        with throttle.pull("a") as count:
            count(50)
    with throttle.pull("b") as count:
        count(50)
    assert waited == [0.5, 1.0]
    assert PULLS_OF_NODE == 4
