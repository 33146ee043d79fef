"""Findings of ``files doctor``."""

from __future__ import annotations

from dataclasses import dataclass

# The time in which a server must answer a check.
PATIENCE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; ``advice`` says how to fix a failure."""

    part: str
    text: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """True when the check passed."""
        return not self.advice
