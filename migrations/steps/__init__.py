"""The steps, one module each: ``step_<number>_<name>``, numbered from 1 without gaps, never renumbered.

A module has ``TITLE``, ``ONLINE`` (old and new code may both run during it), ``REPAIRS`` (its ``up`` may be run again
to put right what ``verify`` finds), and these functions, each of which may run again at any time:

- ``applies(store)``: whether stores of this kind have anything to do;
- ``up(run)`` and ``down(run)``: the change and the way back, in batches with ``run.save`` after each;
- ``repair(run)``, where it is more than ``up`` once again;
- ``is_idle(store)``, of an offline step that may leave it out: nothing changes here, so that it may run online;
- ``verify(run, applied)``: what is not as it should be after ``up``, or with ``applied`` False after ``down``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from migrations.run import Run
from storage_adapters import SupportsMigrations

_NAME = re.compile(r"step_(?P<number>\d{4})_(?P<name>[a-z0-9_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, with what its module declares."""

    number: int
    name: str
    title: str
    online: bool
    repairs: bool
    module: ModuleType

    def applies(self, store: SupportsMigrations) -> bool:
        """Whether there is anything to do on stores of this kind."""
        return bool(self.module.applies(store))

    def may_run_online(self, store: SupportsMigrations) -> bool:
        """Whether processes of the service may run meanwhile."""
        is_idle = getattr(self.module, "is_idle", None)
        return self.online or (is_idle is not None and bool(is_idle(store)))

    def up(self, run: Run) -> None:
        """Make the change."""
        self.module.up(run)

    def down(self, run: Run) -> None:
        """Take the change back."""
        self.module.down(run)

    def repair(self, run: Run) -> None:
        """Put right what ``verify`` finds."""
        getattr(self.module, "repair", self.module.up)(run)

    def verify(self, run: Run, *, applied: bool) -> list[str]:
        """Name what is not as it should be."""
        return list(self.module.verify(run, applied))


def load_steps() -> list[Step]:
    """All steps in their order."""
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
                    repairs=module.REPAIRS,
                    module=module,
                )
            )
    return sorted(steps, key=lambda step: step.number)
