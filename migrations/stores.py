"""Kinds of stores that steps work on, by capability."""

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
    """A store with live migrations."""


class RebuiltStore(MetadataStore, SupportsChanges, SupportsDigest, SupportsLeases, SupportsRebuilding):
    """A store with indexes and sums that can be compared with its records."""


class TargetStore(MetadataStore, SupportsLeases, SupportsReplication, SupportsMigrations):
    """A store that files can be imported into."""


def is_rebuilt(store: object) -> TypeGuard[RebuiltStore]:
    """Return True when the store maintains indexes and sums itself, rather than its database."""
    return all(isinstance(store, kind) for kind in RebuiltStore.__bases__)


def is_migrated(store: object) -> TypeGuard[MigratedStore]:
    """Return True when the store supports a runner."""
    return all(isinstance(store, kind) for kind in MigratedStore.__bases__)


def is_target(store: object) -> TypeGuard[TargetStore]:
    """Return True when files can be imported into this store."""
    return all(isinstance(store, kind) for kind in TargetStore.__bases__)
