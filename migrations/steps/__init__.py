"""The steps, one module each: ``step_<number>_<name>``, numbered from 1 without gaps, never renumbered.

A module has ``TITLE``, ``ONLINE`` (old and new code may both run during ``up``), ``BACK_ONLINE`` if ``down`` differs,
``REPAIRS`` (repeating ``up`` repairs what ``verify`` finds), and these functions, each of which can run again at any
time:

- ``applies(store)``: True when stores of this kind need the step;
- ``up(run)`` and ``down(run)``: the change and its reversal, in batches with ``run.save`` after each;
- ``repair(run)``, if it differs from repeating ``up``;
- ``is_due(store)``, of a step that follows the version: True when the applied step must go up again, because the
  previous version needed something else;
- ``is_idle(store, notes, direction)``, of an offline step: True when nothing changes, so that it may run online;
- ``verify(run, applied)``: the faults after ``up``, or with ``applied`` False after ``down``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from migrations.run import Run
from storage_adapters import JSON, SupportsMigrations

_NAME = re.compile(r"step_(?P<number>\d{4})_(?P<name>[a-z0-9_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, with the declarations of its module."""

    number: int
    name: str
    title: str
    online: bool
    back_online: bool
    repairs: bool
    module: ModuleType

    def applies(self, store: SupportsMigrations) -> bool:
        """Return True when stores of this kind need the step."""
        return bool(self.module.applies(store))

    def is_due(self, store: SupportsMigrations) -> bool:
        """Return True when the applied step must go up again."""
        is_due = getattr(self.module, "is_due", None)
        return is_due is not None and bool(is_due(store))

    def may_run_online(self, store: SupportsMigrations, direction: str, notes: JSON) -> bool:
        """Return True when processes of the service may run meanwhile."""
        if direction == "repair":
            return True
        is_idle = getattr(self.module, "is_idle", None)
        declared = self.online if direction == "up" else self.back_online
        return declared or (is_idle is not None and bool(is_idle(store, notes, direction)))

    def up(self, run: Run) -> None:
        """Make the change."""
        self.module.up(run)

    def down(self, run: Run) -> None:
        """Revert the change."""
        self.module.down(run)

    def repair(self, run: Run) -> None:
        """Repair what ``verify`` finds."""
        getattr(self.module, "repair", self.module.up)(run)

    def verify(self, run: Run, *, applied: bool) -> list[str]:
        """Return the faults."""
        return list(self.module.verify(run, applied))


def load_steps() -> list[Step]:
    """Load all steps in order."""
    steps = []
    for found in iter_modules(__path__):
        match = _NAME.fullmatch(found.name)
        if match is not None:
            module = import_module(f"{__name__}.{found.name}")
            steps.append(
                Step(
                    number=int(match["number"]),
                    name=match["name"],
                    title=module.TITLE,
                    online=module.ONLINE,
                    back_online=getattr(module, "BACK_ONLINE", module.ONLINE),
                    repairs=module.REPAIRS,
                    module=module,
                )
            )
    return sorted(steps, key=lambda step: step.number)
