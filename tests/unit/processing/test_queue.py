"""Files that wait: found in a fair order, and taken once."""

from __future__ import annotations

from pathlib import Path

from files_service.core import Core
from files_service.runtime.fair_queue import FairQueue
from files_service.worker.processor import IDLE_SECONDS, Processor
from tests.clocks import Clock
from tests.cores import call, pending_file, processed_file, uploaded_file, writes
from tests.unit.processing.working import status, work
from tests.unit.shared_chunks import encrypting_core, new_key


def test_uploaded_files_are_processed_and_pending_ones_left_alone(core: Core) -> None:
    uploaded, pending = uploaded_file(core), pending_file(core)
    processor = Processor(core)
    work(processor)
    assert (status(core, uploaded), status(core, pending)) == ("processed", "pending")
    assert processor.totals == {"processed": 1}


def test_the_oldest_upload_comes_first_and_the_queue_is_bounded(core: Core, clock: Clock) -> None:
    records = []
    for _ in range(10):
        records.append(uploaded_file(core))
        clock.pass_seconds(1)
    processor = Processor(core, threads=2)
    processor.step()
    processor.step()
    assert processor.in_flight == 4
    while processor.work():
        pass
    assert [status(core, record) for record in records] == ["processed"] * 4 + ["uploaded"] * 6
    for _ in range(2):
        work(processor)
    assert {status(core, record) for record in records} == {"processed"}


def test_one_owners_many_files_leave_places_to_other_owners(core: Core, clock: Clock) -> None:
    for _ in range(130):
        uploaded_file(core, owner="many")
    clock.pass_seconds(1)
    few = uploaded_file(core, owner="few")
    processor = Processor(core, threads=2)
    for _ in range(4):
        processor.step()
    assert processor.in_flight == 5, "four of the first owner, and the file behind 130 others"
    processor.work()
    processor.work()
    assert status(core, few) == "processed"


def test_an_owner_has_no_more_in_work_than_its_share() -> None:
    queue: FairQueue[int] = FairQueue(2)
    for number in range(5):
        queue.put("many", number)
    assert [queue.take() for _ in range(3)] == [("many", 0), ("many", 1), None]
    queue.put("few", 9)
    assert queue.take() == ("few", 9)
    queue.done("many")
    assert queue.take() == ("many", 2)


def test_a_file_that_is_queued_is_not_queued_again(core: Core) -> None:
    uploaded_file(core)
    processor = Processor(core)
    processor.step()
    processor.step()
    assert processor.in_flight == 1
    assert processor.work()
    assert not processor.work()


def test_somebody_is_told_of_each_file_that_is_queued(core: Core) -> None:
    told = []
    for _ in range(3):
        uploaded_file(core)
    Processor(core, on_work=lambda: told.append(1)).step()
    assert len(told) == 3


def test_a_file_removed_while_it_waits_is_forgotten(core: Core) -> None:
    record = uploaded_file(core)
    processor = Processor(core)
    processor.step()
    call(core, "files.remove", file_id=record["file_id"])
    assert processor.work()
    assert (processor.in_flight, processor.totals) == (0, {})


def test_a_stopping_processor_takes_nothing_up(core: Core) -> None:
    record = uploaded_file(core)
    processor = Processor(core, stopped=lambda: True)
    work(processor)
    assert status(core, record) == "uploaded"


def test_a_file_processed_by_call_is_no_work(core: Core) -> None:
    processed_file(core)
    before = writes(core)
    work(Processor(core))
    assert writes(core) == before


def test_files_whose_key_was_deleted_delay_no_others(tmp_path: Path) -> None:
    core = encrypting_core(tmp_path, new_key())
    assert core.keys is not None
    gone = uploaded_file(core, owner="ann@acme")
    core.keys.delete("acme")
    other = uploaded_file(core, owner="kim")
    processor = Processor(core)
    work(processor)
    assert processor.step() == IDLE_SECONDS
    assert (status(core, gone), status(core, other)) == ("uploaded", "processed")
    core.close()
