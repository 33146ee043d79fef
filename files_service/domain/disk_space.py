"""Free space of a disk: its level, which rises at once and falls slowly, and the days that are left. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

CRITICAL_PERCENT = 5
# A level is left when the space is so many points above its limit, for so long.
CLEAR_POINTS = 3
CALM_MS = 600_000
SAMPLE_MS = 6 * 3_600_000
MAX_SAMPLES = 28
_SHORTEST_SPAN_MS = 3_600_000
_DAY_MS = 24 * 3_600_000


class Level(IntEnum):
    """Levels of a disk; a higher one is worse."""

    OK = 0
    LOW = 1
    CRITICAL = 2


class Space(NamedTuple):
    """Bytes of a disk."""

    free: int
    total: int


class Limits(NamedTuple):
    """Space below which a disk is low, and the size of the largest card, below which it is critical."""

    percent: int
    bytes: int
    card_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk as it was seen: its level, since when it would be better, and (time, free bytes) now and then."""

    level: Level = Level.OK
    calm_since: int | None = None
    samples: tuple[tuple[int, int], ...] = ()


def disk_after(before: Disk, space: Space, limits: Limits, now: int) -> Disk:
    """Return the disk after a measurement."""
    kept = replace(before, samples=_sampled(before.samples, space.free, now))
    entered = _level(space, limits, points=0)
    if entered > before.level:
        return replace(kept, level=entered, calm_since=None)
    held = _level(space, limits, points=CLEAR_POINTS)
    if held >= before.level:
        return replace(kept, calm_since=None)
    # A time behind now is of a clock that was ahead.
    if before.calm_since is None or before.calm_since > now:
        return replace(kept, calm_since=now)
    return replace(kept, level=held, calm_since=None) if now - before.calm_since >= CALM_MS else kept


def days_left(samples: Sequence[tuple[int, int]], free: int, now: int) -> int | None:
    """Return the days until a disk is full at the pace of its samples, None where it does not fill or is new."""
    if not samples or now - samples[0][0] < _SHORTEST_SPAN_MS:
        return None
    since, free_then = samples[0]
    used = free_then - free
    return int(free * (now - since) / used / _DAY_MS) if used > 0 else None


def _level(space: Space, limits: Limits, *, points: int) -> Level:
    def is_below(percent: float, size: int) -> bool:
        margin = space.total * points / 100
        return space.free < space.total * percent / 100 + margin or space.free < size + (margin if size else 0)

    if is_below(CRITICAL_PERCENT, limits.card_bytes):
        return Level.CRITICAL
    return Level.LOW if is_below(limits.percent, limits.bytes) else Level.OK


def _sampled(samples: tuple[tuple[int, int], ...], free: int, now: int) -> tuple[tuple[int, int], ...]:
    samples = tuple(each for each in samples if each[0] <= now)
    if samples and now - samples[-1][0] < SAMPLE_MS:
        return samples
    return (*samples, (now, free))[-MAX_SAMPLES:]
