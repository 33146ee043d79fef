"""Steps of the setup of a store's server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStep:
    """One step: ``ok`` as it is, ``done`` now, ``due`` in a dry run, or ``failed``."""

    name: str
    state: str
    text: str
