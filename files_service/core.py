"""The context of every action: stores, settings and clock. Opened once per process, shared by all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ulid import ULID

from files_service.config import Settings
from files_service.domain.identity import Identity
from files_service.domain.quotas import Quotas
from files_service.runtime.backoff import delay_after
from files_service.runtime.clock import monotonic_ms, now_ms
from files_service.runtime.limiter import Limiter
from files_service.runtime.password_hashing import Cost, PasswordHashing
from files_service.runtime.recent import Recent
from storage_adapters import BlobStore, MetadataStore

if TYPE_CHECKING:
    from files_service.services.encryption.tenant_keys import StoredTenantKeys
    from files_service.services.hooks import ProcessingHook
    from files_service.services.listing.router import Lists

# A revoked session, a disabled account: no process honours it for longer than this after the write.
IDENTITY_MS = 400


# Passwords of shares are compared with less work than those of accounts: they protect one link.
SHARE_COST = Cost(memory_kib=19 * 1024, passes=2, lanes=1)
# Half of the threads of a gateway for calls.
LONG_CALLS = 8


def new_file_id() -> str:
    """Make a ULID: 26 characters, ordered by time."""
    return str(ULID())


@dataclass(frozen=True, kw_only=True)
class Core:
    """The stores and everything else that an action needs besides its parameters."""

    metadata: MetadataStore
    blobs: BlobStore
    settings: Settings
    lists: Lists
    hooks: tuple[ProcessingHook, ...] = ()
    # None where encryption is off.
    keys: StoredTenantKeys | None = None
    clock: Callable[[], int] = now_ms
    # Schedules of the process use this one: nobody sets it.
    timer: Callable[[], int] = monotonic_ms
    new_id: Callable[[], str] = new_file_id
    # Calls that read whole files or wait for it: less than a process has threads, so that other calls find one.
    long_calls: Limiter = field(default_factory=lambda: Limiter("long calls", LONG_CALLS))
    passwords: PasswordHashing = field(default_factory=PasswordHashing)
    # Used within the turns of ``passwords``.
    share_passwords: PasswordHashing = field(default_factory=lambda: PasswordHashing(SHARE_COST))
    # By the hash of a token, and by owner.
    identities: Recent[str, Identity | None] = field(default_factory=lambda: Recent(IDENTITY_MS))
    closed_owners: Recent[str, bool] = field(default_factory=lambda: Recent(IDENTITY_MS))
    quotas: Recent[str, Quotas] = field(default_factory=lambda: Recent(IDENTITY_MS))
    # Interrupts the back-off after a lost race when the process stops.
    stopping: threading.Event = field(default_factory=threading.Event)

    def back_off(self, attempt: int) -> None:
        """Wait a random time that grows with the attempt, at most 0.2 s."""
        self.stopping.wait(delay_after(attempt, first=0.005, longest=0.2, spread=1))

    def close(self) -> None:
        """Close all stores."""
        self.stopping.set()
        self.lists.close()
        self.metadata.close()
        self.blobs.close()
