"""Check of ``files doctor`` for encryption at rest: the keys of tenants can be opened."""

from __future__ import annotations

from files_service.cli.finding import Finding
from files_service.config import BadSettings, Settings
from files_service.domain.sizes import number_of
from files_service.services.opening import key_ring, tenant_keys
from storage_adapters import MetadataStore

_OFF = "encryption is off (FILES_ENCRYPTION_KEYS is empty)"
_ADVICE = "Put the missing key into FILES_ENCRYPTION_KEYS again: without it nobody can read the bytes."


def check_keys(settings: Settings, metadata: MetadataStore | None) -> Finding:
    """Open the key of each tenant, of none in a store that is not there yet. Raises UnknownStore, StorageError."""
    try:
        ring = key_ring(settings)
    except BadSettings as error:
        return Finding("keys", str(error), "Correct FILES_ENCRYPTION_KEYS.")
    if metadata is None:
        return Finding("keys", "no tenant has one yet" if ring else _OFF)
    try:
        keys = tenant_keys(settings, metadata)
    except BadSettings as error:
        return Finding("keys", str(error), _ADVICE)
    if keys is None:
        return Finding("keys", _OFF)
    found = list(keys.check())
    if faults := [fault for _, fault in found if fault]:
        lost = number_of(len(faults), "key")
        return Finding("keys", f"{'; '.join(sorted({*faults}))}: {lost} of tenants cannot be opened", _ADVICE)
    older = sorted({name for name, _ in found if name != keys.wrapped_by})
    rest = f"; {', '.join(older)} is still needed until `files rotate-keys` has run" if older else ""
    return Finding(
        "keys", f"{number_of(len(found), 'key')} of tenants can be opened, {keys.wrapped_by} wraps new ones{rest}"
    )
