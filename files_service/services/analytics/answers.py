"""Questions about the storage of an owner, a tenant or all: they cost the same however many files there are.

The bytes of an owner and of all are the counters of the store. The rest is what the worker has counted, usually a few
seconds ago.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.analytics import KINDS, TRASH, VERSIONS, Tallies, days_until
from files_service.domain.identity import Actor
from files_service.errors import BadRequest, Forbidden
from files_service.services.accounts.quotas import quotas_of
from files_service.services.accounts.tenants import no_such_tenant, quota_of_tenant, require_tenant
from files_service.services.analytics.documents import (
    ALL,
    Scope,
    month_document,
    of_owner,
    of_tenant,
    read,
    sum_document,
    tallies_in,
    without_time,
)
from files_service.services.analytics.stored import stored_of, stored_of_tenant
from files_service.services.files import require_acts_for
from storage_adapters import JSON, Tally

_MONTH = len("2026-11")


@dataclass(frozen=True, slots=True)
class Question:
    """The owner or tenant that a question is about; None for both means all files."""

    owner: str | None
    tenant: str | None

    @property
    def scope(self) -> Scope:
        """The scope of the counts."""
        if self.owner is not None:
            return of_owner(self.owner)
        return ALL if self.tenant is None else of_tenant(self.tenant)


def question_of(core: Core, actor: str | None, *, owner: str | None, tenant: str | None) -> Question:
    """Return a question that the actor may ask: about owners for whom it acts, its tenant, or for operators all.

    Raises Forbidden, NotFound, BadRequest.
    """
    if owner is not None and tenant is not None:
        raise BadRequest("ask about an owner or about a tenant", {"fields": {"tenant": ["Not beside an owner."]}})
    if owner is not None:
        require_acts_for(owner, actor)
    elif not _operates(actor):
        _require_admin(actor, tenant)
    elif tenant is not None:
        require_tenant(core, tenant)
    return Question(owner, tenant)


def storage(core: Core, question: Question, *, days: int) -> JSON:
    """Return bytes, quota, trash and versions, and what was made on each of the last days."""
    if question.tenant is None:
        usage = core.metadata.usage(question.owner)
        found = {
            "used": usage.bytes,
            **_tally(usage.total),
            VERSIONS: _tally(usage.versions),
            TRASH: _tally(usage.trash),
            "by_access": {access: _tally(tally) for access, tally in usage.by_access.items()},
        }
    else:
        found = _counted(_whole(core, question.scope))
    stored = None if question.scope == ALL else _stored(core, question)
    by_day = _by_day(core, question.scope, days_until(core.clock(), days))
    return {**found, "stored": stored, "quota": _quota(core, question), "by_day": by_day}


def _stored(core: Core, question: Question) -> JSON | None:
    if question.owner is not None:
        return stored_of(core, question.owner)
    return stored_of_tenant(core, question.tenant or "")


def file_types(core: Core, question: Question) -> JSON:
    """Return number and bytes of files by kind, each by access, too; without trash and versions."""
    whole = _whole(core, question.scope)
    return {"by_kind": {kind: _kind(whole, kind) for kind in KINDS}}


def _operates(actor: str | None) -> bool:
    return actor is None or (isinstance(actor, Actor) and actor.operates)


def _require_admin(actor: str | None, tenant: str | None) -> None:
    administers = actor.administers if isinstance(actor, Actor) else None
    if administers is None or tenant is None:
        raise Forbidden("only an administrator may ask this")
    if administers != tenant:
        raise no_such_tenant(tenant)


def _whole(core: Core, scope: Scope) -> Tallies:
    [document] = read(core, [sum_document(scope)])
    return without_time(tallies_in(document.body, "months"))


def _counted(tallies: Tallies) -> JSON:
    """Return files by access, versions and trash."""
    files = {key: tally for key, tally in tallies.items() if key not in (TRASH, VERSIONS)}
    return {
        "used": _sum(tallies.values())[1],
        **_shown(_sum(files.values())),
        VERSIONS: _shown(tallies.get(VERSIONS, (0, 0))),
        TRASH: _shown(tallies.get(TRASH, (0, 0))),
        "by_access": _by_access(files),
    }


def _quota(core: Core, question: Question) -> int:
    if question.owner is not None:
        return quotas_of(core, question.owner).owner
    return quota_of_tenant(core, question.tenant) if question.tenant is not None else 0


def _by_access(whole: Tallies) -> JSON:
    accesses = sorted({key.partition("/")[2] for key in whole} - {""})
    return {each: _shown(_sum(tally for key, tally in whole.items() if key.endswith(f"/{each}"))) for each in accesses}


def _kind(whole: Tallies, kind: str) -> JSON:
    ours = {key.partition("/")[2]: tally for key, tally in whole.items() if key.startswith(f"{kind}/")}
    return {**_shown(_sum(ours.values())), "by_access": {access: _shown(tally) for access, tally in ours.items()}}


def _by_day(core: Core, scope: Scope, days: list[str]) -> list[JSON]:
    months = sorted({day[:_MONTH] for day in days})
    stored = read(core, [month_document(scope, month) for month in months])
    counted: dict[str, JSON] = {}
    for document in stored:
        counted |= document.body["days"]
    return [{"day": day, **_day(counted.get(day, {}))} for day in days]


def _day(stored: JSON) -> JSON:
    tallies = {key: (count, size) for key, (count, size) in stored.items()}
    kinds = {kind: _kind(tallies, kind) for kind in KINDS}
    return {**_counted(tallies), "by_kind": {kind: found for kind, found in kinds.items() if found["count"]}}


def _sum(tallies: Iterable[tuple[int, int]]) -> tuple[int, int]:
    found = list(tallies)
    return sum(count for count, _ in found), sum(size for _, size in found)


def _tally(tally: Tally) -> JSON:
    return {"count": tally.files, "bytes": tally.bytes}


def _shown(tally: tuple[int, int]) -> JSON:
    return {"count": tally[0], "bytes": tally[1]}
