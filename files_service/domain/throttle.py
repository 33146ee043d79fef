"""The pause after failed sign-ins. Pure."""

from __future__ import annotations

FREE_FAILURES = 5
FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 300_000
# Failures are forgotten after this time without another one.
MEMORY_MS = 3_600_000


def pause_after(failures: int) -> int:
    """Return the milliseconds until the next attempt: none at first, then 1 s, doubled up to 5 min."""
    beyond = failures - FREE_FAILURES
    return 0 if beyond <= 0 else min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(beyond - 1, 20))
