"""Why a run ends early; each has the exit status that scripts see."""

from __future__ import annotations


class MigrationError(Exception):
    """Something expected is in the way; the message says what to do."""

    exit_status = 1


class StepFailed(MigrationError):
    """A step raised, or what it did does not pass its own verification. Running again goes on from its checkpoint."""


class BadRequest(MigrationError):
    """There is no such step, or it does not apply here."""

    exit_status = 2


class Locked(MigrationError):
    """Another runner works on this store."""

    exit_status = 3


class Differences(MigrationError):
    """The verification found something."""

    exit_status = 4


class Stopped(MigrationError):
    """A signal came, or the right to work was lost. What was done is kept; running again goes on."""

    exit_status = 6


class NeedsOffline(MigrationError):
    """A step must not run beside the service, and nobody said that it is stopped."""

    exit_status = 7
