"""files.sync: reconcile records with the blob store."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict

from marshmallow import validate

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import OPTIONAL, integer, string
from files_service.api.parameters import flag
from files_service.core import Core
from files_service.domain.access import may_act_for
from files_service.domain.listing import MAX_INTEGER, BadQuery
from files_service.errors import Forbidden
from files_service.services.reconcile import START, Cursor, Reconciliation, Stage
from storage_adapters import JSON, Position


class SyncParams(ParamsSchema):
    """Parameters of files.sync."""

    owner = owner_field(required=False, load_default=None, allow_none=True, description="Owner; absent: all owners.")
    older_than_seconds = integer("Skip uploads that are younger than this.", 0, 31_536_000, load_default=60)
    dry_run = flag("Report what would be done without doing it.")
    deep = flag("Also compare all blobs with all records: find orphans and missing bytes.")
    looked_at = integer(
        "Time of the previous check; old uploads are checked less often. Absent: check all.", **OPTIONAL
    )
    # A bucket may hold objects of other programs, whose names are longer than keys.
    cursor = string("Cursor of the previous call.", validate.Length(1, 10_000), **OPTIONAL)


@action("files.sync", SyncParams)
def sync(params: Params, core: Core) -> JSON:
    """Finish, expire, requeue and clean up leftover files, up to 100 files per call."""
    owner, actor = params["owner"], params["actor"]
    if actor is not None and (owner is None or not may_act_for(owner, actor)):
        raise Forbidden("the actor may reconcile only its own files", {"owner": owner})
    run = Reconciliation(
        core,
        owner=owner,
        older_than_seconds=params["older_than_seconds"],
        dry_run=params["dry_run"],
        deep=params["deep"],
        looked_at=params["looked_at"],
    )
    with core.long_calls.take():
        following = run.run(_decode(params["cursor"]) if params["cursor"] else START)
    report = asdict(run.report)
    counts = {name: len(entries) for name, entries in report.items()}
    cursor = encode_cursor(following) if following else None
    return {**report, "counts": counts, "dry_run": params["dry_run"], "next_cursor": cursor}


def encode_cursor(cursor: Cursor) -> str:
    """Encode a cursor for the next call."""
    after = cursor.after and [cursor.after.value, cursor.after.file_id]
    return base64.urlsafe_b64encode(json.dumps([cursor.stage, after]).encode()).decode()


def _decode(cursor: str) -> Cursor:
    """Decode a cursor. Raises BadQuery when it is invalid."""
    try:
        name, after = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        stage = Stage(name)
        if after is None:
            return Cursor(stage=stage)
        value, file_id = after
    except (ValueError, TypeError, RecursionError):
        raise BadQuery("cursor", "Not a cursor.") from None
    if not isinstance(file_id, str) or not _may_be(file_id, stage) or not (value is None or type(value) is int):
        raise BadQuery("cursor", "Not a cursor.")
    if value is not None and abs(value) > MAX_INTEGER:
        raise BadQuery("cursor", "Not a cursor.")
    return Cursor(stage=stage, after=Position(value=value, file_id=file_id))


def _may_be(place: str, stage: Stage) -> bool:
    """Return True for the id of a file, and for any name of a blob."""
    try:
        return place.isascii() or (stage is Stage.STORED and bool(place.encode()))
    except UnicodeEncodeError:
        return False
