"""Time by which something is deleted for ever: that of the wall clock, once it has proved to be right. Pure.

A wall clock may be set ahead by mistake. Each look compares the time that has passed on it with that of a clock that
nobody sets. After a jump, or a time in which nobody looked, the settled time goes on from where it was, as fast as time
passes; it takes over the wall clock's only after ``MARGIN_MS`` in which that ran steadily. So what is deleted for ever
goes late after a jump or an outage, and not early, as long as a wrong clock is set right within that time.
"""

from __future__ import annotations

from dataclasses import dataclass

MARGIN_MS = 86_400_000
TOLERANCE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledTime:
    """A look: ``seen_at`` by the wall clock, the settled time, and for how long the clock has run steadily."""

    seen_at: int
    settled_at: int
    steady_ms: int


def look(before: SettledTime | None, *, now: int, elapsed_ms: int | None, unseen_ms: int) -> SettledTime:
    """Return the next look. ``elapsed_ms`` have passed since the last one, None where no process knows.

    Then up to ``unseen_ms`` on the wall clock count as right.
    """
    if before is None:
        return SettledTime(seen_at=now, settled_at=now, steady_ms=MARGIN_MS)
    passed = now - before.seen_at
    if elapsed_ms is None:
        elapsed_ms = min(max(0, passed), unseen_ms)
    if abs(passed - elapsed_ms) > TOLERANCE_MS:
        settled_at, steady_ms = before.settled_at + elapsed_ms, 0
    else:
        settled_at, steady_ms = before.settled_at + max(0, passed), min(MARGIN_MS, before.steady_ms + elapsed_ms)
    is_trusted = steady_ms >= MARGIN_MS
    return SettledTime(seen_at=now, settled_at=now if is_trusted else min(now, settled_at), steady_ms=steady_ms)
