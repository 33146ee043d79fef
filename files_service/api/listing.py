"""files.list: one page of files by scope, filter and order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from marshmallow import fields, pre_load, validate

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.data import field_names_field, project
from files_service.api.fields import OPTIONAL, integer, string
from files_service.api.parameters import (
    access_field,
    consistency_field,
    cursor_field,
    flag,
    min_change_field,
    tags_field,
)
from files_service.api.text import line, text
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.domain.access import OWNER_ONLY, sees_only_public
from files_service.domain.editing import normalise_tags
from files_service.domain.listing import decode_cursor, encode_cursor, parse_filter
from files_service.domain.paths import MAX_BYTES, folder_shown
from files_service.errors import bad_request
from files_service.services.accounts.identity import is_closed
from files_service.services.files import is_readable, require_acts_for, require_unbound
from storage_adapters import JSON, ORDERS, OTHER_ORDERS, SORT_FIELDS, ListQuery, MetadataStore, Page, Section


class ListParams(ParamsSchema):
    """Parameters of files.list."""

    owner = owner_field(required=False, load_default=None, allow_none=True, description="Owner; absent: all owners.")
    access = access_field(load_default=None, allow_none=True)
    tags = tags_field(load_default=())
    filter = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "{field: {op: value}}; a bare value means eq. Fields and operators: docs/rpc.md."},
    )
    search = string(
        "Words that must all occur in name, alias, description, type, path or tags.", line(1, 200), **OPTIONAL
    )
    order_by = string(
        "Field to sort by; files without a value come last, or are not in the list.",
        validate.OneOf(ORDERS),
        load_default="uploaded_at",
    )
    order = string("Direction.", validate.OneOf(("asc", "desc")), load_default="desc")
    limit = integer("Files per page.", 1, 100, load_default=20)
    cursor = cursor_field("next_cursor of the previous page; all other parameters must be the same.")
    chosen = field_names_field(load_default=None, allow_none=True)
    with_total = flag("Also return the total; null if a filter makes that more than a lookup.")
    min_change = min_change_field()
    consistency = consistency_field()
    prefix = string("Beginning of the paths; a folder with `/` at its end.", text(0, MAX_BYTES), load_default="")
    delimiter = string(
        "`/`: files of the folder itself, and its folders as `folders`.", validate.OneOf(("", "/")), load_default=""
    )
    trashed = flag("Files in the trash, instead of the others.")

    @pre_load
    def in_their_order(self, data: Any, **kwargs: Any) -> Any:
        """Choose the order that belongs to a prefix, a delimiter or the trash where none is given."""
        if not isinstance(data, Mapping) or "order_by" in data:
            return data
        if data.get("prefix") or data.get("delimiter"):
            return {"order": "asc", **data, "order_by": "path"}
        return {**data, "order_by": "trashed_at"} if data.get("trashed") is True else data


@action("files.list", ListParams)
def list_files(params: Params, core: Core) -> JSON:
    """Return one page of files, in order, and a cursor to the next page."""
    query = _query(params)
    answered = core.lists.ask(
        partial(_page, query, with_total=params["with_total"]),
        index=params["order_by"],
        min_change=params["min_change"],
        strong=params["consistency"] == "strong",
    )
    page, total = answered.answer
    core.lists.note_unreadable(page)
    if query.public_only:
        page = _of_open_owners(core, query, page, params["actor"])
    shown = [to_wire(record, params["actor"]) for record in page.records]
    result: JSON = {
        "files": [project(each, params["chosen"]) for each in shown] if params["chosen"] else shown,
        "next_cursor": encode_cursor(query, page.next_position) if page.next_position else None,
        "served_by": answered.served_by,
        "change_token": answered.change_token,
    }
    if query.delimiter:
        result["folders"] = [folder_shown(each.removesuffix(query.delimiter)) for each in page.folders]
    if params["with_total"]:
        result["total"] = total
    return result


def _query(params: Params) -> ListQuery:
    require_unbound(params["actor"])
    public_only = sees_only_public(params["owner"], params["actor"])
    if params["trashed"] or params["order_by"] in OTHER_ORDERS:
        if params["owner"] is None:
            raise bad_request("owner", "This list is that of one owner.")
        if params["trashed"] or params["order_by"].partition(".")[0] in OWNER_ONLY:
            require_acts_for(params["owner"], params["actor"])
    values: dict[str, Any] = {
        "owner": params["owner"],
        "public_only": public_only,
        "access": params["access"],
        "tags": normalise_tags(params["tags"]),
        "conditions": parse_filter(params["filter"], hidden=OWNER_ONLY if public_only else ()),
        "search": params["search"],
        "order_by": params["order_by"],
        "descending": params["order"] == "desc",
        "limit": params["limit"],
        "section": Section.TRASH if params["trashed"] else Section.LISTED,
        "prefix": params["prefix"],
        "delimiter": params["delimiter"],
    }
    try:
        query = ListQuery(**values)
    except ValueError as error:
        field = "delimiter" if params["delimiter"] else "prefix" if params["prefix"] else "order_by"
        raise bad_request(field, str(error)) from error
    cursor = params["cursor"]
    return query if cursor is None else replace(query, after=decode_cursor(query, cursor))


def _of_open_owners(core: Core, query: ListQuery, page: Page, actor: str | None) -> Page:
    """Return the page without the files of disabled accounts: they stay public, and nobody else reads them."""
    if query.owner is not None and is_closed(core, query.owner):
        # A further page would tell that there are files.
        return Page(records=(), next_position=None)
    return replace(page, records=tuple(each for each in page.records if is_readable(core, each, actor)))


def _page(query: ListQuery, store: MetadataStore, *, with_total: bool) -> tuple[Page, int | None]:
    """Return a page and the total, both from the same store."""
    return store.find(query), _total(query, store) if with_total else None


def _total(query: ListQuery, store: MetadataStore) -> int | None:
    """Return the total number of files if a counter has it, else None."""
    is_whole = query.order_by in (*SORT_FIELDS, "trashed_at")
    if query.public_only or query.tags or query.conditions or query.search or not is_whole:
        return None
    usage = store.usage(query.owner)
    if query.section is Section.TRASH:
        return usage.trash.files if query.access is None else None
    if query.access is None:
        return usage.total.files
    tally = usage.by_access.get(query.access.value)
    return tally.files if tally else 0
