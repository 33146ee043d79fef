"""files.timeline: pictures and videos by month."""

from __future__ import annotations

from marshmallow import validate

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import OPTIONAL, integer, string
from files_service.api.parameters import cursor_field
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.domain.analytics import SHOWN
from files_service.services.analytics import timeline as timelines
from storage_adapters import JSON


class TimelineParams(ParamsSchema):
    """Parameters of files.timeline."""

    owner = owner_field()
    month = string(
        "Month whose files to return, such as `2026-07`; null: the months.",
        validate.Regexp(r"[1-9][0-9]{3}-(0[1-9]|1[0-2])\Z", error="Must be a month like 2026-07."),
        **OPTIONAL,
    )
    kind = string("`image` or `video`; null: both.", validate.OneOf(SHOWN), **OPTIONAL)
    limit = integer("Files per page.", 1, 100, load_default=100)
    cursor = cursor_field("next_cursor of the previous page; owner, month and kind must be the same.")


@action("files.timeline", TimelineParams)
def timeline(params: Params, core: Core) -> JSON:
    """Return the months in which an owner has pictures and videos, or one page of those of a month."""
    owner, actor = params["owner"], params["actor"]
    kinds = SHOWN if params["kind"] is None else (params["kind"],)
    if params["month"] is None:
        return {"months": timelines.months(core, owner, kinds, actor=actor)}
    found, following = timelines.files_of_month(
        core, owner, params["month"], kinds, actor=actor, limit=params["limit"], cursor=params["cursor"]
    )
    return {"month": params["month"], "files": [to_wire(each, actor) for each in found], "next_cursor": following}
