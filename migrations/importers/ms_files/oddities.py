"""What is said of a source that is not as it should be, or has no equivalent here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """What has no equivalent, or is not as it should be in the source. ``fatal``: the file is not imported."""

    kind: str
    name: str
    detail: str
    fatal: bool = False
