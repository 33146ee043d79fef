"""The runner of steps. It holds the lease, and every decision uses the journal as read under the lease."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from files_service.runtime.clock import now_ms
from migrations.errors import BadRequest, Differences, MigrationError, NeedsOffline, StepFailed
from migrations.journal import StepJournal
from migrations.lease import LEASE_MS, MigrationLease
from migrations.run import DEFAULT_BATCH, Pace, Progress, Run
from migrations.steps import Step, load_steps
from migrations.stores import MigratedStore
from storage_adapters import JSON, StorageError


def runner_name() -> str:
    """Return a unique name."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Task:
    """One step in one direction."""

    step: Step
    direction: str
    online: bool = True  # whether processes of the service may run meanwhile
    in_place: bool = False  # whether ``verify`` takes it for applied, so that it compares and is recorded


@dataclass(kw_only=True)
class Runner:
    """Runner of steps on one store; the caller opens and closes the store."""

    store: MigratedStore
    steps: Sequence[Step] = field(default_factory=load_steps)
    name: str = field(default_factory=runner_name)
    batch: int = DEFAULT_BATCH
    pace: Pace = field(default_factory=Pace)
    show: Callable[[Step | None, Progress], None] = lambda step, progress: None
    clock: Callable[[], int] = now_ms
    lease_ms: int = LEASE_MS

    def status(self) -> JSON:
        """Return the schema, the steps, and the running step."""
        schema, journal = self.store.schema(), StepJournal(self.store)
        applied = journal.applied
        return {
            "schema": schema.found,
            "known": schema.known,
            "ready": schema.found == schema.known,
            "empty": schema.empty,
            "steps": [
                {
                    **self._described(step),
                    "applied_at": applied.get(step.number, {}).get("applied_at"),
                    "due": not schema.empty and step.number in applied and self._is_due(step),
                }
                for step in self.steps
            ],
            "unknown_steps": sorted(applied.keys() - {step.number for step in self.steps}),
            "running": journal.running,
            "runner": journal.content.get("runner"),
            "history": journal.history,
        }

    def described(self) -> list[JSON]:
        """Return the properties of the steps."""
        return [self._described(step) for step in self.steps]

    def plan(self, *, to: int | None = None, direction: str | None = None) -> list[Task]:
        """Return the tasks of ``up`` or ``down``, or of the direction that leads to a step."""
        journal = StepJournal(self.store)
        self._refuse_unknown(journal)
        applied = journal.applied
        count = max(step.number for step in self.steps)
        if to is not None and not 0 <= to <= count:
            raise BadRequest(f"no step {to}: the steps are 1 to {count}, and 0 is before them")
        mine = [step for step in self.steps if step.applies(self.store)]
        begun = (journal.running or {}).get("step")
        # An interrupted step is half applied: both directions include it.
        there = applied.keys() | ({begun} if begun else set())
        newest = max(there, default=0)
        if direction is None:
            direction = "down" if to is not None and to < newest else "up"
        if direction == "up":
            last = count if to is None else to
            chosen = [
                step
                for step in mine
                if step.number <= last and (step.number not in applied or step.number == begun or self._is_due(step))
            ]
        else:
            last = max((step.number for step in mine if step.number < newest), default=0) if to is None else to
            chosen = [step for step in reversed(mine) if step.number > last and step.number in there]
        return [self._task(step, direction, journal) for step in chosen]

    def up(self, *, to: int | None = None, offline: bool = False) -> list[JSON]:
        """Apply the pending steps up to this one."""
        return self._carry_out(partial(self.plan, to=to, direction="up"), offline=offline)

    def down(self, *, to: int | None = None, offline: bool = False) -> list[JSON]:
        """Revert the steps after this one; by default the newest."""
        if self.store.schema().empty:
            return []
        return self._carry_out(partial(self.plan, to=to, direction="down"), offline=offline)

    def repair(self, numbers: Sequence[int] = ()) -> list[JSON]:
        """Repeat the steps that repair what they verify."""
        if self.store.schema().empty:
            return []
        return self._carry_out(partial(self.repairs, numbers), offline=True)

    def repairs(self, numbers: Sequence[int] = ()) -> list[Task]:
        """Return the tasks of ``repair``: those of the steps that ``verify`` compares with."""
        if self.store.schema().empty:
            return []
        mine = [step for step in self._compared(StepJournal(self.store)) if step.repairs]
        chosen = [step for step in mine if not numbers or step.number in numbers]
        strangers = sorted(set(numbers) - {step.number for step in chosen})
        if strangers:
            wrong, known = (", ".join(map(str, each)) for each in (strangers, [step.number for step in mine]))
            raise BadRequest(f"step {wrong} is not applied or repairs nothing: --step takes {known or 'none yet'}")
        return [Task(step, "repair") for step in chosen]

    def verify(self) -> list[JSON]:
        """Compare the store with its applied steps. Raises Differences with all findings.

        A store that has this version's mark but no journal, because it was never migrated or was restored from a
        backup, is compared with all steps.
        """
        journal = StepJournal(self.store)
        self._refuse_unknown(journal)
        if self.store.schema().empty:
            return []
        mine = self._compared(journal)
        with self._lease() as lease:
            results = [{**self._described(step), "findings": self.examine(step, lease=lease)} for step in mine]
        found = [f"step {result['step']}: {text}" for result in results for text in result["findings"]]
        if found:
            raise Differences("\n".join(found))
        return results

    def _compared(self, journal: StepJournal) -> list[Step]:
        """Return the applied steps; all of them where the store has this version's mark and no journal."""
        all_count = self._all_count(journal)
        mine = [step for step in self.steps if all_count or step.number in journal.applied]
        return [step for step in mine if step.applies(self.store)]

    def _all_count(self, journal: StepJournal) -> bool:
        """Return True when all steps count as applied: the store has this version's mark, and no journal."""
        schema = self.store.schema()
        return not schema.empty and not journal.applied and schema.found == schema.known

    def examine(self, step: Step, *, applied: bool = True, lease: MigrationLease | None = None) -> list[str]:
        """Return the findings of one step."""
        run = self._run(step, {}, StepJournal(self.store).applied.get(step.number, {}).get("notes", {}))
        if lease is not None:
            run.check = lease.check
        return step.verify(run, applied=applied)

    def _carry_out(self, tasks: Callable[[], list[Task]], *, offline: bool) -> list[JSON]:
        if self.store.schema().empty:
            # An empty store needs no protection and cannot hold a lease yet; concurrent runners do the same work.
            self.store.change_schema(self.store.schema().known)
        with self._lease() as lease:
            journal = StepJournal(self.store)
            journal.sign(self.name)
            chosen = tasks()
            waiting = [task for task in chosen if not task.online]
            if waiting and not offline and not self._is_new():
                numbers = ", ".join(str(task.step.number) for task in waiting)
                raise NeedsOffline(f"step {numbers} is offline: stop all processes of the service, then add --offline")
            return [self._carry_out_one(task, journal, lease) for task in chosen]

    def _carry_out_one(self, task: Task, journal: StepJournal, lease: MigrationLease) -> JSON:
        entry = journal.begin(task.step.number, task.direction, now=self.clock())
        run = self._run(task.step, entry["checkpoint"], entry["notes"])
        run.check, run.write = lease.check, journal.write
        began = time.monotonic()
        try:
            getattr(task.step, task.direction)(run)
        except (MigrationError, StorageError):
            raise
        except Exception as error:
            raise StepFailed(f"step {task.step.number} failed: {type(error).__name__}: {error}") from error
        lease.check()
        journal.end(now=self.clock())
        return {
            **self._described(task.step),
            "direction": task.direction,
            "milliseconds": round(1000 * (time.monotonic() - began)),
        }

    def _run(self, step: Step, checkpoint: JSON, notes: JSON) -> Run:
        return Run(
            store=self.store,
            batch=self.batch,
            checkpoint=checkpoint,
            notes=notes,
            pace=self.pace,
            show=partial(self.show, step),
            total=self._files(),
        )

    def _lease(self) -> MigrationLease:
        return MigrationLease(self.store, self.name, clock=self.clock, lease_ms=self.lease_ms)

    def _files(self) -> int | None:
        try:
            return self.store.usage(None).total.files
        except StorageError:
            return None  # otherwise only the bar would show it

    def _is_new(self) -> bool:
        """Return True when the store has no files that a process of the service could be working on."""
        records, position = self.store.scan(after="", limit=self.batch)
        while position and not records:
            # The first page may hold other keys only.
            records, position = self.store.scan(after=position, limit=self.batch)
        return not records

    def _task(self, step: Step, direction: str, journal: StepJournal) -> Task:
        notes = journal.notes(step.number, direction)
        in_place = direction == "up" and self._all_count(journal) and not self._is_due(step)
        return Task(step, direction, online=step.may_run_online(self.store, direction, notes), in_place=in_place)

    def _is_due(self, step: Step) -> bool:
        return step.applies(self.store) and step.is_due(self.store)

    def _refuse_unknown(self, journal: StepJournal) -> None:
        unknown = journal.applied.keys() - {step.number for step in self.steps}
        if unknown:
            numbers = ", ".join(map(str, sorted(unknown)))
            raise BadRequest(f"step {numbers} belongs to a newer version: use that version, or go down with it first")

    def _described(self, step: Step) -> JSON:
        return {
            "step": step.number,
            "name": step.name,
            "title": step.title,
            "online": step.online,
            "back_online": step.back_online,
            "repairs": step.repairs,
            "applies": step.applies(self.store),
        }
