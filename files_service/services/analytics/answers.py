"""Questions about the storage of an owner, a tenant or all: they cost the same however many files there are.

The bytes of an owner and of all are the counters of the store. The rest is what the worker has counted, usually a few
seconds ago.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.analytics import KINDS, TRASH, VERSIONS, Tallies, days_until, merged
from files_service.errors import BadRequest
from files_service.services.accounts.account import find_account
from files_service.services.accounts.authority import authority_of
from files_service.services.accounts.quotas import quotas_of
from files_service.services.accounts.tenants import quota_of_tenant, require_tenant
from files_service.services.analytics.documents import (
    ALL,
    Scope,
    month_document,
    of_owner,
    of_tenant,
    read,
    sum_document,
    tallies_in,
)
from files_service.services.files import require_acts_for
from storage_adapters import JSON

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
    """Return a question that the actor may ask: about itself, people that it manages, or for operators all.

    Raises Forbidden, NotFound, BadRequest.
    """
    if owner is not None and tenant is not None:
        raise BadRequest("ask about an owner or about a tenant", {"fields": {"tenant": ["Not beside an owner."]}})
    if owner is not None:
        _require_owner(core, actor, owner)
    elif tenant is not None:
        authority_of(core, actor).require_people(tenant)
        if tenant:
            require_tenant(core, tenant)
    else:
        authority_of(core, actor).require_tenants()
    return Question(owner, tenant)


def storage(core: Core, question: Question, *, days: int) -> JSON:
    """Return bytes, quota, trash and versions, and what was made on each of the last days."""
    whole = _whole(core, question.scope)
    return {
        **_used(core, question, whole),
        "quota": _quota(core, question),
        VERSIONS: _shown(whole.get(VERSIONS, (0, 0))),
        TRASH: _shown(whole.get(TRASH, (0, 0))),
        "by_access": _by_access(whole),
        "by_day": _by_day(core, question.scope, days_until(core.clock(), days)),
    }


def file_types(core: Core, question: Question) -> JSON:
    """Return number and bytes of files by kind, each by access, too; without trash and versions."""
    whole = _whole(core, question.scope)
    return {"by_kind": {kind: _kind(whole, kind) for kind in KINDS}}


def _require_owner(core: Core, actor: str | None, owner: str) -> None:
    account = find_account(core, owner) if actor not in (None, owner) else None
    if account is None:
        require_acts_for(owner, actor)
    else:
        authority_of(core, actor).require_people(account.tenant)


def _whole(core: Core, scope: Scope) -> Tallies:
    [document] = read(core, [sum_document(scope)])
    return _without_time(tallies_in(document.body, "months"))


def _without_time(tallies: Tallies) -> Tallies:
    return merged({key.partition(" ")[2]: tally} for key, tally in tallies.items())


def _used(core: Core, question: Question, whole: Tallies) -> JSON:
    if question.tenant is None:
        total = core.metadata.usage(question.owner).total
        return {"used": total.bytes, "count": total.files}
    count, size = _sum(tally for key, tally in whole.items() if key != VERSIONS)
    return {"used": size + whole.get(VERSIONS, (0, 0))[1], "count": count}


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
    files = {key: tally for key, tally in tallies.items() if key not in (TRASH, VERSIONS)}
    kinds = {key.partition("/")[0] for key in files}
    return {
        **_shown(_sum(files.values())),
        "by_kind": {kind: _shown(_sum(t for k, t in files.items() if k.startswith(f"{kind}/"))) for kind in kinds},
        "by_access": _by_access(files),
        VERSIONS: _shown(tallies.get(VERSIONS, (0, 0))),
        TRASH: _shown(tallies.get(TRASH, (0, 0))),
    }


def _sum(tallies: Iterable[tuple[int, int]]) -> tuple[int, int]:
    found = list(tallies)
    return sum(count for count, _ in found), sum(size for _, size in found)


def _shown(tally: tuple[int, int]) -> JSON:
    return {"count": tally[0], "bytes": tally[1]}
