"""What kinds of store the steps work on, by what they can do."""

from __future__ import annotations

from typing import TypeGuard

from storage_adapters import (
    MetadataStore,
    SupportsChanges,
    SupportsDigest,
    SupportsLeases,
    SupportsMigrations,
    SupportsRebuilding,
    SupportsReplication,
)


class MigratedStore(MetadataStore, SupportsLeases, SupportsMigrations):
    """A store that can be changed while it lives."""


class RebuiltStore(MetadataStore, SupportsChanges, SupportsDigest, SupportsLeases, SupportsRebuilding):
    """One that keeps indexes and sums which can be compared with its records."""


class TargetStore(MetadataStore, SupportsLeases, SupportsReplication, SupportsMigrations):
    """One that files can be imported into."""


def is_rebuilt(store: object) -> TypeGuard[RebuiltStore]:
    """Whether indexes and sums are kept here; elsewhere the database derives them."""
    return all(isinstance(store, kind) for kind in RebuiltStore.__bases__)


def is_migrated(store: object) -> TypeGuard[MigratedStore]:
    """Whether a runner can work here."""
    return all(isinstance(store, kind) for kind in MigratedStore.__bases__)


def is_target(store: object) -> TypeGuard[TargetStore]:
    """Whether files can be imported into this store."""
    return all(isinstance(store, kind) for kind in TargetStore.__bases__)
