"""The bytes of a tenant with a quota, as one document: what was counted, and what was charged since.

1. A declaration is charged before it is written and confirmed afterwards. The total, counted and charged bytes, is
   never less than the bytes of all confirmed declarations, so that these never exceed the quota.
2. Nothing is credited: what is removed leaves the total by the next count, which walks the accounts of the tenant. No
   declaration walks them but one that seems to exceed the quota, or the first one after ``RECOUNT_MS``.
3. A count first opens a new epoch and notes what was charged before, then reads the usage of each account, and then
   takes what it noted off the charges. A declaration that finds another epoch when it is confirmed may have been
   charged before and written after its owner was counted, and is charged again.
4. A count that found the tenant full is used for a pause of twenty times as long as it took, at least ``PAUSE_MS``.
   So room that was made may count only after the pause, and concurrent declarations near the limit may all be rejected.
5. A process that dies between charge and write leaves a charge too many, until the next count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from files_service.core import IDENTITY_MS, Core
from files_service.domain.quotas import Quotas
from files_service.errors import InsufficientStorage, StorageUnavailable
from files_service.services.accounts import documents
from files_service.services.accounts.account import owners_of_tenant
from storage_adapters import Document, RevisionConflict

COLLECTION = "tenant_usage"
PAUSE_MS = 1_000
RECOUNT_MS = 900_000
# A count that takes longer was broken off: another one begins.
_COUNT_MS = 60_000
_LOAD = 20
_ATTEMPTS = 400
# Other processes may know for so long of no quota, and charge nothing.
_SETTLE_MS = 2 * IDENTITY_MS
_NEW = {
    "counted": None,
    "charged": 0,
    "noted": 0,
    "epoch": 0,
    "counted_epoch": 0,
    "began_at": 0,
    "counted_at": 0,
    "took_ms": 0,
    "reset_at": 0,
}

# Returns the bytes of an owner.
UsedBytes = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Charge:
    """Bytes that a declaration has added to the total of its tenant, in an epoch of the count."""

    quotas: Quotas
    size: int
    epoch: int


def charge(core: Core, quotas: Quotas, size: int, used: UsedBytes) -> Charge | None:
    """Add a declaration to the total; return None where the tenant has no quota.

    Raises InsufficientStorage when the total would exceed the quota.
    """
    if not quotas.of_tenant:
        return None
    for attempt in range(_ATTEMPTS):
        ledger = _with_room(core, quotas, size, used)
        if _put(core, ledger, charged=ledger.body["charged"] + size):
            return Charge(quotas, size, ledger.body["epoch"])
        core.back_off(attempt)
    raise _busy()


def require_room_of_tenant(core: Core, quotas: Quotas, size: int, used: UsedBytes) -> None:
    """Raise InsufficientStorage when the tenant's total and these bytes exceed its quota; charge nothing."""
    if quotas.of_tenant:
        _with_room(core, quotas, size, used)


def confirm(core: Core, charged: Charge | None, used: UsedBytes) -> None:
    """Make sure that a declaration that is now written is in the total. Raises InsufficientStorage."""
    if charged is not None and _read(core, charged.quotas.tenant).body["epoch"] != charged.epoch:
        charge(core, charged.quotas, charged.size, used)


def room_of_tenant(core: Core, quotas: Quotas) -> int:
    """Return the bytes that the tenant's quota has left, by the total as it stands."""
    ledger = _read(core, quotas.tenant)
    return quotas.of_tenant - (_total(ledger) if ledger.body["counted"] is not None else 0)


def over_tenant_quota(quota: int) -> InsufficientStorage:
    """Make the error of a tenant without room."""
    details = {"field": "quota", "quota": "tenant", "limit": quota}
    return InsufficientStorage("the tenant's quota is used up", details)


def forget_count(core: Core, tenant: str) -> None:
    """Count the tenant anew before the next declaration: bytes that were not charged have become its own."""

    def decide(before: Document | None) -> Document | None:
        if before is None:
            return None
        epoch = before.body["epoch"] + 1
        fresh = {**_NEW, "epoch": epoch, "counted_epoch": epoch, "reset_at": core.clock()}
        return replace(before, body={**before.body, **fresh})

    documents.change(core, COLLECTION, _id_of(tenant), decide)


def _with_room(core: Core, quotas: Quotas, size: int, used: UsedBytes) -> Document:
    """Return a ledger in which these bytes have room; count anew where that may help. Raises InsufficientStorage."""
    asked_at = core.clock()
    for attempt in range(_ATTEMPTS):
        ledger, now = _read(core, quotas.tenant), core.clock()
        known, counting = ledger.body["counted"] is not None, _is_counting(ledger, now)
        fits = known and _total(ledger) + size <= quotas.of_tenant
        if fits and (counting or not _is_due(ledger, now)):
            return ledger
        if counting:
            core.back_off(attempt)
        elif known and not fits and _is_fresh(ledger, asked_at, now):
            raise over_tenant_quota(quotas.of_tenant)
        else:
            _count(core, quotas.tenant, ledger, used)
    raise _busy()


def _busy() -> StorageUnavailable:
    return StorageUnavailable("there are too many concurrent changes of the tenant's usage")


def _is_counting(ledger: Document, now: int) -> bool:
    state = ledger.body
    return bool(state["epoch"] != state["counted_epoch"] and abs(now - state["began_at"]) < _COUNT_MS)


def _is_due(ledger: Document, now: int) -> bool:
    """Return True when the last count is old, or was made while other processes did not know of the quota."""
    state = ledger.body
    settled_at = state["reset_at"] + _SETTLE_MS
    # A count of a clock that was ahead is no recent one.
    is_recent = 0 <= now - state["counted_at"] < RECOUNT_MS
    return bool(not is_recent or state["began_at"] < settled_at <= now)


def _is_fresh(ledger: Document, asked_at: int, now: int) -> bool:
    """Return True when the last count began after the question, or is too recent to be repeated."""
    state = ledger.body
    recent = 0 <= now - state["counted_at"] < max(PAUSE_MS, _LOAD * state["took_ms"])
    return bool(recent or asked_at < state["began_at"] <= now)


def _count(core: Core, tenant: str, ledger: Document, used: UsedBytes) -> None:
    """Count the bytes of all accounts of the tenant; do nothing when another process has begun a count."""
    began_at, began, epoch = core.clock(), core.timer(), ledger.body["epoch"] + 1
    if not _put(core, ledger, epoch=epoch, noted=ledger.body["charged"], began_at=began_at):
        return
    counted = sum(used(owner) for owner in owners_of_tenant(core, tenant))
    took_ms = core.timer() - began

    def decide(before: Document | None) -> Document | None:
        if before is None or before.body["epoch"] != epoch:
            return None
        found = {
            "counted": counted,
            "charged": before.body["charged"] - before.body["noted"],
            "noted": 0,
            "counted_epoch": epoch,
            "counted_at": core.clock(),
            "took_ms": took_ms,
        }
        return replace(before, body={**before.body, **found})

    documents.change(core, COLLECTION, ledger.document_id, decide)


def _id_of(tenant: str) -> str:
    return f"tenant.{tenant}"


def _read(core: Core, tenant: str) -> Document:
    found = documents.find(core, COLLECTION, _id_of(tenant))
    return found or documents.new_document(COLLECTION, _id_of(tenant), dict(_NEW))


def _total(ledger: Document) -> int:
    return int(ledger.body["counted"]) + int(ledger.body["charged"])


def _put(core: Core, ledger: Document, **fields: int) -> bool:
    try:
        documents.put(core, replace(ledger, body={**ledger.body, **fields}))
    except RevisionConflict:
        return False
    return True
