"""Every step on every store: up, down, killed anywhere, by one runner at a time."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest

from migrations.errors import BadRequest, Locked, Stopped
from migrations.journal import StepJournal
from migrations.run import Pace, Run
from migrations.steps import load_steps
from storage_adapters import SchemaMismatch, open_metadata_store
from tests.cores import at_once
from tests.migrations.stores import (
    assert_sound,
    fill,
    in_child_killed_once,
    later,
    records_of,
    runner_on,
)


def test_steps_are_numbered_without_gaps_and_declare_what_they_are() -> None:
    steps = load_steps()
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert all(isinstance(step.online, bool) and isinstance(step.repairs, bool) and step.title for step in steps)
    assert all(step.module.__doc__ for step in steps)


def test_every_step_goes_up_and_down_and_up_with_data_in_the_store(url: str) -> None:
    fill(url)
    with runner_on(url) as runner:
        before = records_of(runner)
        runner.up(offline=True)
        runner.verify()
        mine = [step for step in runner.steps if step.applies(runner.store)]
        for step in reversed(mine):
            runner.down(to=step.number - 1, offline=True)
            assert runner.examine(step, applied=False) == []
            assert step.number not in StepJournal(runner.store).applied
            assert records_of(runner) == before
        for step in mine:
            runner.up(to=step.number, offline=True)
            assert runner.examine(step) == []
        runner.verify()
        assert runner.status()["ready"]
        assert records_of(runner) == before
    assert_sound(url)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_run_that_is_killed_at_every_checkpoint_goes_on(url: str, direction: str) -> None:
    fill(url)
    if direction == "down":
        with runner_on(url) as runner:
            runner.up(offline=True)
    seen: set[str] = set()
    hours = count(1)

    def run() -> None:
        # Every run is an hour after the one before: by then the lease of the killed one has run out.
        with runner_on(url, clock=lambda: later(hour), batch=50) as runner:
            runner.up(offline=True) if direction == "up" else runner.down(to=0, offline=True)

    hour = next(hours)
    while in_child_killed_once(seen, run):
        with runner_on(url, clock=lambda now=hour: later(now)) as too_early, pytest.raises(Locked):
            too_early.up(offline=True)
        hour = next(hours)
    assert len(seen) > 4
    with runner_on(url, clock=lambda: later(hour + 1)) as runner:
        assert runner.status()["running"] is None
        runner.up(offline=True)
        runner.verify()
    assert_sound(url)


def test_a_way_back_that_was_killed_can_be_turned_round(url: str) -> None:
    fill(url)
    with runner_on(url) as runner:
        runner.up(offline=True)

    def back() -> None:
        with runner_on(url) as runner:
            runner.down(to=0, offline=True)

    assert in_child_killed_once(set(), back)
    with runner_on(url, clock=later) as runner:
        assert runner.status()["running"]["direction"] == "down"
        runner.up(offline=True)
        assert runner.status()["running"] is None
        runner.verify()
    assert_sound(url)


def test_of_runners_that_start_at_once_one_works(url: str) -> None:
    fill(url)

    def run(_: int) -> Counter[int]:
        with runner_on(url) as runner:
            try:
                return Counter(result["step"] for result in runner.up(offline=True))
            except (Locked, Stopped):
                return Counter()

    done = sum(at_once(4, run), Counter[int]())
    with runner_on(url) as runner:
        assert done == {step.number: 1 for step in runner.steps if step.applies(runner.store)}
        assert [entry["starts"] for entry in runner.status()["history"]] == [1] * len(done)


def test_a_runner_whose_lock_was_taken_over_stops_at_its_next_checkpoint(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(url)
    real = Run.save
    numbers = count(1)

    def save(run: Run, stage: str, place: object, *, files: int = 0) -> None:
        if next(numbers) == 2:
            with runner_on(url, clock=later) as other:
                other.up(offline=True)
        real(run, stage, place, files=files)

    with runner_on(url) as runner:
        monkeypatch.setattr(Run, "save", save)
        with pytest.raises((Stopped, Locked)):
            runner.up(offline=True)
        monkeypatch.undo()
        assert runner.status()["running"] is None
    with runner_on(url, clock=later) as runner:
        runner.verify()


def test_a_run_that_is_asked_to_stop_ends_at_a_checkpoint_and_goes_on_from_there(rebuilt_url: str) -> None:
    fill(rebuilt_url)
    pace = Pace()
    pace.stop()
    with runner_on(rebuilt_url, pace=pace) as runner, pytest.raises(Stopped):
        runner.up()
    with runner_on(rebuilt_url) as runner:
        running = runner.status()["running"]
        assert (running["step"], running["direction"]) == (1, "up")
        runner.up()
        runner.verify()


def test_a_store_without_a_mark_or_of_a_newer_version_is_refused_with_the_command_to_run(url: str) -> None:
    fill(url)
    with runner_on(url) as runner:
        runner.up(offline=True)
        runner.down(to=0, offline=True)
        with pytest.raises(SchemaMismatch, match="run `files migrate up`"):
            open_metadata_store(url)
        with pytest.raises(SchemaMismatch):
            runner.store.change_schema("99")
        runner.up(offline=True)
    open_metadata_store(url).close()


def test_a_step_of_a_newer_version_is_left_to_it(rebuilt_url: str) -> None:
    with runner_on(rebuilt_url) as runner:
        runner.up()
    with runner_on(rebuilt_url, steps=load_steps()[:-1]) as older:
        assert older.status()["unknown_steps"] == [load_steps()[-1].number]
        for work in (older.up, older.down, older.verify):
            with pytest.raises(BadRequest, match="newer version"):
                work()


def test_a_way_back_that_takes_something_away_is_offline(url: str) -> None:
    fill(url)
    with runner_on(url) as runner:
        runner.up(offline=True)
        online = {task.step.number: task.online for task in runner.plan(to=0)}
    assert online[1]
    assert not online.get(2, False)
    assert all(online.get(number, True) for number in (3, 4, 5))  # here they take nothing away


def test_the_runner_says_what_it_would_do(rebuilt_url: str) -> None:
    with runner_on(rebuilt_url) as runner:
        numbers = [step.number for step in runner.steps if step.applies(runner.store)]
        assert [task.step.number for task in runner.plan()] == numbers
        assert runner.status()["empty"]
        runner.up()
        assert runner.plan() == []
        assert [(task.step.number, task.direction) for task in runner.plan(to=numbers[-2])] == [(numbers[-1], "down")]
        with pytest.raises(BadRequest, match="no step"):
            runner.plan(to=99)


def test_the_plan_and_the_comparison_of_a_store_without_a_journal_agree(url: str) -> None:
    with runner_on(url) as runner:
        assert not any(task.in_place for task in runner.plan())
    fill(url)
    with runner_on(url) as runner:
        tasks = runner.plan()
        assert [task.step.number for task in tasks if task.in_place] == [each["step"] for each in runner.verify()]
        assert all(task.in_place for task in tasks)
        runner.up(to=5, offline=True)
        assert not any(task.in_place for task in runner.plan())
