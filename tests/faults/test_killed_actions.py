"""Every write path is killed between every two I/O operations; after a restart nothing is lost, halfway or stuck."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from files_service.errors import Busy
from storage_adapters import Change, FileRecord
from tests.clocks import Clock
from tests.cores import processed_file
from tests.faults.killing import Fuse, Run, run_and_kill
from tests.faults.scenes import SCENES, Scene
from tests.faults.world import World, assert_announced, assert_nothing_left, assert_sound, opened
from tests.scale import NIGHTLY


@dataclass
class Stage:
    """A scene that was prepared, and what was acknowledged before anything was killed."""

    scene: Scene
    folder: Path
    now: int
    known: Any
    feed: list[Change]
    bystander: FileRecord

    def play(self, name: str, *, before: int | None) -> tuple[Path, Run]:
        """Act in a copy of the folder, in a process that dies before an operation."""
        folder = self.folder.with_name(name)
        shutil.copytree(self.folder, folder)

        def work(fuse: Fuse) -> Any:
            with opened(folder, clock=Clock(self.now), first_id=2_000) as world:
                fuse.arm()
                return self.scene.act(world, self.known)

        return folder, run_and_kill(work, before=before)

    def recover(self, folder: Path, *, answer: Any, repeat_first: bool) -> list[str]:
        """Start again, repeat the call, work on to the end; checks everything on the way. Returns what is left."""
        with opened(folder, clock=Clock(self.now), first_id=3_000) as world:
            assert_sound(world)
            assert world.feed()[: len(self.feed)] == self.feed
            assert world.core.metadata.get(self.bystander.file_id) == self.bystander
            if not repeat_first:
                world.bring_to_rest()
            for _ in range(2):
                assert self._repeated(world) == answer
                world.bring_to_rest()
            made = Counter(change.record.name for change in world.feed() if change.revision == 1)
            assert set(made.values()) == {1}, "something was made twice"
            left = assert_nothing_left(world)
            assert_announced(world)
            return sorted(f"{record.name} {record.status.value}" for record in left)

    def _repeated(self, world: World) -> Any:
        for _ in range(20):
            try:
                return json.loads(json.dumps(self.scene.act(world, self.known)))
            except Busy:
                world.clock.pass_seconds(10)
        raise AssertionError("busy for ever")


@pytest.fixture
def stage(scene: Scene, folder: Path) -> Stage:
    clock = Clock()
    with opened(folder / "template", clock=clock, first_id=1_000) as world:
        file = processed_file(world.core, name="bystander", alias="bystander", tags=["x", "still"], access="public")
        known = scene.prepare(world)
        clock.pass_seconds(scene.after_seconds)
        bystander = world.core.metadata.get(file["file_id"])
        return Stage(scene, folder / "template", clock.now, known, world.feed(), bystander)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_process_may_die_between_any_two_operations(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    folder, whole = stage.play("whole", before=None)
    left = stage.recover(folder, answer=whole.answer, repeat_first=True)
    for number, point in enumerate(whole.points()):
        folder, run = stage.play(f"killed-{point}", before=point)
        assert run.killed
        orders = stage.scene.orders
        for repeat_first in orders if NIGHTLY else (orders[number % len(orders)],):
            copy = folder.with_name("copy")
            shutil.copytree(folder, copy)
            assert stage.recover(copy, answer=whole.answer, repeat_first=repeat_first) == left
            shutil.rmtree(copy)
        shutil.rmtree(folder)
    with capsys.disabled():
        print(f"\n{stage.scene.name}: killed at {len(list(whole.points()))} of {whole.operations} points", end="")  # noqa: T201 - how much was covered


def test_the_first_start_may_die_between_any_two_operations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def start(name: str, *, before: int | None) -> Run:
        def work(fuse: Fuse) -> None:
            fuse.arm()
            with opened(folder / name, clock=Clock(), first_id=1):
                pass

        return run_and_kill(work, before=before)

    # What this process has not loaded yet, each child would load until the loop below does.
    with opened(folder / "loaded", clock=Clock(), first_id=1) as world:
        processed_file(world.core)
    whole = start("whole", before=None)
    for point in whole.points():
        assert start(str(point), before=point).killed
        with opened(folder / str(point), clock=Clock(), first_id=1) as world:
            processed_file(world.core)
            world.bring_to_rest()
            assert_nothing_left(world)
    with capsys.disabled():
        print(f"\nfirst start: killed at {len(list(whole.points()))} of {whole.operations} points", end="")  # noqa: T201 - how much was covered
