"""Check of ``files doctor`` for encryption at rest: the keys of tenants can be opened."""

from __future__ import annotations

from files_service.cli.finding import Finding
from files_service.config import BadSettings, Settings
from files_service.domain.sizes import number_of
from files_service.services.opening import tenant_keys
from storage_adapters import MetadataStore

_ADVICE = "Put the missing key into FILES_ENCRYPTION_KEYS again: without it nobody can read the bytes."


def check_keys(settings: Settings, metadata: MetadataStore) -> Finding:
    """Open the key of each tenant. Raises UnknownStore, StorageError."""
    try:
        keys = tenant_keys(settings, metadata)
    except BadSettings as error:
        return Finding("keys", str(error), _ADVICE)
    if keys is None:
        return Finding("keys", "encryption is off (FILES_ENCRYPTION_KEYS is empty)")
    found = list(keys.check())
    if faults := [fault for _, fault in found if fault]:
        lost = number_of(len(faults), "key")
        return Finding("keys", f"{'; '.join(sorted({*faults}))}: {lost} of tenants cannot be opened", _ADVICE)
    older = sorted({name for name, _ in found if name != keys.wrapped_by})
    rest = f"; {', '.join(older)} is still needed until `files rotate-keys` has run" if older else ""
    return Finding(
        "keys", f"{number_of(len(found), 'key')} of tenants can be opened, {keys.wrapped_by} wraps new ones{rest}"
    )
