"""files.list: one page of files by scope, filter and order."""

from __future__ import annotations

from dataclasses import replace

from marshmallow import fields, validate

from files_service.actions.base import Params, ParamsSchema, action, owner_field, to_wire
from files_service.actions.data import field_names_field, project
from files_service.actions.parameters import access_field, cursor_field, flag, tags_field
from files_service.actions.text import line
from files_service.core import Core
from files_service.domain.access import OWNER_ONLY, sees_only_public
from files_service.domain.editing import normalise_tags
from files_service.domain.listing import decode_cursor, encode_cursor, parse_filter
from storage_adapters import JSON, SORT_FIELDS, ListQuery, SupportsChanges

# Of a write (a file's id and revision), or of a list (a place in the change feed).
_NAMED_CHANGE = r"([0-9A-HJKMNP-TV-Z]{26}:[0-9]{1,16}|@[ -~]{0,200})\Z"


class ListParams(ParamsSchema):
    """Parameters of files.list."""

    owner = owner_field(required=False, load_default=None, allow_none=True, description="Whose files; absent: all.")
    access = access_field(load_default=None, allow_none=True)
    tags = tags_field(load_default=())
    filter = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "{field: {op: value}}; a bare value means eq. docs/rpc.md has fields and operators."},
    )
    search = fields.String(
        load_default=None,
        allow_none=True,
        validate=line(1, 200),
        metadata={"description": "Words that must all occur in name, alias, description or tags."},
    )
    order_by = fields.String(
        load_default="uploaded_at",
        validate=validate.OneOf(SORT_FIELDS),
        metadata={"description": "Field to sort by; files without a value come last."},
    )
    order = fields.String(
        load_default="desc", validate=validate.OneOf(("asc", "desc")), metadata={"description": "Direction."}
    )
    limit = fields.Integer(
        strict=True, load_default=20, validate=validate.Range(1, 100), metadata={"description": "Files per page."}
    )
    cursor = cursor_field("next_cursor of the page before, with all other parameters the same.")
    chosen = field_names_field(load_default=None, allow_none=True)
    with_total = flag("Count the files too; null where a filter makes that more than a look-up.")
    min_change = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Regexp(_NAMED_CHANGE, error="Not a change token."),
        metadata={"description": "change_token of a write that the answer must include."},
    )
    consistency = fields.String(
        load_default="eventual",
        validate=validate.OneOf(("eventual", "strong")),
        metadata={"description": "strong: ask the primary store."},
    )


@action("files.list", ListParams)
def list_files(params: Params, core: Core) -> JSON:
    """Return one page of files, in order, and a cursor to the next."""
    query = _query(params)
    # Asked before the page is read: the page includes at least what came before this change.
    change_token = f"@{core.metadata.last_sequence()}" if isinstance(core.metadata, SupportsChanges) else None
    page = core.metadata.find(query)
    shown = [to_wire(record, params["actor"]) for record in page.records]
    result: JSON = {
        "files": [project(each, params["chosen"]) for each in shown] if params["chosen"] else shown,
        "next_cursor": encode_cursor(query, page.next_position) if page.next_position else None,
        "served_by": core.served_by,
        "change_token": change_token,
    }
    if params["with_total"]:
        result["total"] = _total(query, core)
    return result


def _query(params: Params) -> ListQuery:
    public_only = sees_only_public(params["owner"], params["actor"])
    query = ListQuery(
        owner=params["owner"],
        public_only=public_only,
        access=params["access"],
        tags=normalise_tags(params["tags"]),
        conditions=parse_filter(params["filter"], hidden=OWNER_ONLY if public_only else ()),
        search=params["search"],
        order_by=params["order_by"],
        descending=params["order"] == "desc",
        limit=params["limit"],
    )
    cursor = params["cursor"]
    return query if cursor is None else replace(query, after=decode_cursor(query, cursor))


def _total(query: ListQuery, core: Core) -> int | None:
    """The number of files in the whole list where a counter knows it, else None."""
    if query.public_only or query.tags or query.conditions or query.search:
        return None
    usage = core.metadata.usage(query.owner)
    if query.access is None:
        return usage.total.files
    tally = usage.by_access.get(query.access.value)
    return tally.files if tally else 0
