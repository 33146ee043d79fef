"""Oddities: faults of a source, and values without an equivalent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """A fault of the source, or a value without an equivalent. ``fatal``: the file is not imported."""

    kind: str
    name: str
    detail: str
    fatal: bool = False
