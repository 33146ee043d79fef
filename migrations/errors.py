"""Errors that end a run; each has an exit status for scripts."""

from __future__ import annotations


class MigrationError(Exception):
    """An expected obstacle; the message says what to do."""

    exit_status = 1


class StepFailed(MigrationError):
    """A step failed or did not pass its own verification. Running it again continues from its checkpoint."""


class BadRequest(MigrationError):
    """The step does not exist, or does not apply to this store."""

    exit_status = 2


class Locked(MigrationError):
    """Another runner holds the lease of this store."""

    exit_status = 3


class Differences(MigrationError):
    """The verification found differences."""

    exit_status = 4


class Stopped(MigrationError):
    """A signal arrived, or the lease was lost. Finished work is kept; running again continues."""

    exit_status = 6


class NeedsOffline(MigrationError):
    """The step cannot run beside the service, and nobody confirmed that it is stopped."""

    exit_status = 7
