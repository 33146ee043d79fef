"""Scale of a test run. FILES_TESTS chooses it: ``quick``, ``default`` or ``nightly``."""

from __future__ import annotations

import os
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")

SCALE = os.environ.get("FILES_TESTS") or "default"
NIGHTLY = SCALE == "nightly"


def at_scale(*, quick: T, default: T, nightly: T) -> T:
    """Return the value for this run."""
    return {"quick": quick, "default": default, "nightly": nightly}[SCALE]


def load_profile() -> None:
    """Load the hypothesis profile of this scale.

    The time that an example takes means nothing beside other processes, so there is no deadline. Only a nightly run
    looks at new examples; the others repeat the same ones, so that a change that fails is the cause.
    """
    settings.register_profile("quick", deadline=None, derandomize=True, max_examples=20)
    settings.register_profile("default", deadline=None, derandomize=True)
    settings.register_profile("nightly", deadline=None, max_examples=1_000, print_blob=True)
    settings.load_profile(SCALE)
