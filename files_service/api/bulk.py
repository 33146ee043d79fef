"""files.bulk: one action on many files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from files_service.api.access import outcome_of
from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.fields import Strict, choice, several
from files_service.api.parameters import access_field, name_field, request_id_field, tags_field
from files_service.api.places import new_folder_field, on_conflict_field, path_field
from files_service.core import Core
from files_service.services import bulk
from files_service.services.bulk import NEEDED, BulkAction
from storage_adapters import JSON, Tombstone

MAX_ITEMS = 1_000


class BulkItem(Strict):
    """A file, and what the action needs for it."""

    file_id = file_id_field()
    path = path_field("New path, for `move`.")
    folder = new_folder_field("Folder into which it goes under its name, for `move`.")
    name = name_field()
    tags = tags_field()
    access = access_field()


class BulkParams(ParamsSchema):
    """Parameters of files.bulk."""

    do = choice(
        BulkAction,
        "`move`, `rename`, `trash`, `restore`, `tag` (adds tags) or `access`.",
        required=True,
        data_key="action",
    )
    items = several(fields.Nested(BulkItem), f"1 to {MAX_ITEMS} items, in order.", 1, MAX_ITEMS, required=True)
    on_conflict = on_conflict_field()
    request_id = request_id_field("Idempotency key: repeating the call with it returns the same results for a day.")

    @validates_schema
    def needed(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Require of each item what the action needs, and nothing else."""
        needed = NEEDED.get(data["do"], ())
        for index, item in enumerate(data["items"]):
            given = set(item) - {"file_id"}
            if len(given) != min(1, len(needed)) or not given <= set(needed):
                expected = " or ".join(needed) or "nothing"
                raise ValidationError(f"Give {expected} beside file_id.", f"items.{index}")


@action("files.bulk", BulkParams)
def run_bulk(params: Params, core: Core) -> JSON:
    """Do one action to many files; each file succeeds or fails on its own."""

    def one(item: Mapping[str, Any]) -> JSON:
        done = bulk.act(core, params["do"], item, actor=params["actor"], on_conflict=params["on_conflict"])
        removed = isinstance(done, Tombstone)
        path = None if isinstance(done, Tombstone) else done.path
        token = f"{done.file_id}:{done.revision}"
        return {"path": path, "removed": removed, "revision": done.revision, "change_token": token}

    def run() -> list[JSON]:
        return [_brief(outcome_of(each["file_id"], partial(one, each))) for each in params["items"]]

    said = [params["do"], params["items"], params["on_conflict"]]
    return {"results": bulk.once(core, params["actor"], params["request_id"], said, run)}


def _brief(outcome: JSON) -> JSON:
    """Leave out the details of an error: the results are kept."""
    if "error" not in outcome:
        return outcome
    return {**outcome, "error": {**outcome["error"], "details": {}}}
