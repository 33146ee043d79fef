"""files.count and files.report: files and bytes of an owner."""

from __future__ import annotations

from collections.abc import Mapping

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.parameters import consistency_field, min_change_field
from files_service.core import Core
from files_service.errors import Forbidden
from files_service.services.analytics.stored import stored_of
from files_service.services.files import require_acts_for
from files_service.services.listing.router import Answered
from storage_adapters import JSON, Access, Tally, Usage


class UsageParams(ParamsSchema):
    """Parameters of files.count and files.report."""

    owner = owner_field(required=False, load_default=None, allow_none=True, description="Owner; absent: all owners.")
    min_change = min_change_field()
    consistency = consistency_field()


@action("files.count", UsageParams)
def count(params: Params, core: Core) -> JSON:
    """Count an owner's files, by access and by status."""
    answered = _usage(params, core)
    usage = answered.answer
    return {
        "total": usage.total.files,
        "public": usage.by_access.get(Access.PUBLIC.value, Tally()).files,
        "by_access": {name: tally.files for name, tally in usage.by_access.items()},
        "by_status": {name: tally.files for name, tally in usage.by_status.items()},
        "served_by": answered.served_by,
        "change_token": answered.change_token,
    }


@action("files.report", UsageParams)
def report(params: Params, core: Core) -> JSON:
    """Count an owner's files and bytes, by access, content type and status."""
    answered = _usage(params, core)
    usage = answered.answer
    public = usage.by_access.get(Access.PUBLIC.value, Tally())
    return {
        "total": usage.total.files,
        "public": public.files,
        "bytes": usage.total.bytes,
        "public_bytes": public.bytes,
        "by_access": _tallies(usage.by_access),
        "by_content_type": _tallies(usage.by_content_type),
        "by_status": _tallies(usage.by_status),
        "trash": _tally(usage.trash),
        "versions": _tally(usage.versions),
        "stored": stored_of(core, params["owner"]) if params["owner"] is not None else None,
        "served_by": answered.served_by,
        "change_token": answered.change_token,
    }


def _usage(params: Params, core: Core) -> Answered[Usage]:
    if params["owner"] is None and params["actor"] is not None:
        raise Forbidden("only the trusted system may count the files of all owners")
    if params["owner"] is not None:
        require_acts_for(params["owner"], params["actor"])
    return core.lists.ask(
        lambda store: store.usage(params["owner"]),
        index="usage",
        min_change=params["min_change"],
        strong=params["consistency"] == "strong",
    )


def _tallies(tallies: Mapping[str, Tally]) -> JSON:
    return {name: _tally(tally) for name, tally in tallies.items()}


def _tally(tally: Tally) -> JSON:
    return {"files": tally.files, "bytes": tally.bytes}
