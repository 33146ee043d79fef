"""files.tag.*: tags of a file, and access by tag."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from files_service.api.access import access_result, result_of
from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import string
from files_service.api.parameters import (
    OneOrManyParams,
    access_field,
    check_tag,
    cursor_field,
    tags_field,
)
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.domain.listing import decode_cursor, encode_cursor
from files_service.services import editing
from files_service.services.files import require_acts_for
from storage_adapters import JSON, FileRecord, ListQuery, tag_form

BATCH = 100


class TagParams(OneOrManyParams):
    """Parameters of files.tag.add, files.tag.remove and files.tag.sync."""

    tags = tags_field(required=True)


class TagAccessParams(ParamsSchema):
    """Parameters of files.tag.access."""

    owner = owner_field()
    tag = string("The tag.", check_tag, required=True)
    access = access_field(required=True)
    cursor = cursor_field("next_cursor of the previous call.")


@action("files.tag.add", TagParams)
def add_tags(params: Params, core: Core) -> JSON:
    """Add tags to a file; tags that it already has stay."""
    return _set_tags(params, core, lambda old, given: (*old, *given))


@action("files.tag.remove", TagParams)
def remove_tags(params: Params, core: Core) -> JSON:
    """Remove tags from a file; tags that it does not have are ignored."""
    return _set_tags(params, core, lambda old, given: [tag for tag in old if tag not in given])


@action("files.tag.sync", TagParams)
def sync_tags(params: Params, core: Core) -> JSON:
    """Replace the tags of a file."""
    return _set_tags(params, core, lambda _, given: given)


def _set_tags(params: Params, core: Core, combine: editing.CombineTags) -> JSON:
    def tag(file_id: str) -> FileRecord:
        return editing.set_tags(core, file_id, params["tags"], combine, actor=params["actor"])

    if "file_id" in params:
        return to_wire(tag(params["file_id"]))
    return {"files": [result_of(each, partial(tag, each), shown="tags") for each in params["file_ids"]]}


@action("files.tag.access", TagAccessParams)
def access_by_tag(params: Params, core: Core) -> JSON:
    """Set the access of an owner's files with this tag, up to 100 per call; a cursor continues."""
    require_acts_for(params["owner"], params["actor"])
    query = _holders(params)
    page = core.metadata.find(query)
    core.lists.note_unreadable(page)
    results = [access_result(core, record.file_id, params["access"], params["actor"]) for record in page.records]
    place = page.next_position
    return {"files": results, "next_cursor": encode_cursor(query, place) if place else None}


def _holders(params: Params) -> ListQuery:
    # Order by creation, oldest first: setting the access does not change this order.
    query = ListQuery(
        owner=params["owner"],
        tags=(tag_form(params["tag"]),),
        order_by="created_at",
        descending=False,
        limit=BATCH,
    )
    cursor = params["cursor"]
    return query if cursor is None else replace(query, after=decode_cursor(query, cursor))
