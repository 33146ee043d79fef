"""The table of ``/api/folders``, ``/api/trash`` and ``/api/jobs``."""

from __future__ import annotations

from files_service.domain.scopes import WRITE
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.folders import handlers
from files_service.gateway.openapi import TEXT, body_schema, json_body, query, reply
from files_service.gateway.routes import Door, Route, at
from storage_adapters import JSON

_FOLDERS, _TRASH, _JOBS, _JOB = "/api/folders", "/api/trash", "/api/jobs", "/api/jobs/{job_id}"
_LIMIT: JSON = {"type": "integer", "minimum": 1, "maximum": 100}
_CREATE, _LIST, _MOVE = "Make a folder.", "One page of a folder: files and folders.", "Move a folder."
_REMOVE, _RESTORE = "Move a folder to the trash.", "Take files or a folder out of the trash."
_TRASHED, _EMPTY = "One page of the trash.", "Delete for good what is in the trash."
_RUNNING, _INFO, _CANCEL = "Jobs that run, and those of the last days.", "A job.", "Cancel a job."
_JOB_REPLIES = {200: reply("The job, which is done."), 202: reply("The job, which a worker does.")}
_NEW = json_body(
    {
        "type": "object",
        "properties": {"path": TEXT, "folderName": TEXT, "parent": TEXT, "owner": TEXT},
        "additionalProperties": False,
    }
)
_MOVED = json_body({**body_schema("folders.move", without=("actor",)), "required": ["path", "to"]})
_BACK = json_body(
    {
        "type": "object",
        "properties": {
            **body_schema("files.restore", without=("actor",))["properties"],
            **body_schema("folders.restore", without=("actor",))["properties"],
        },
        "additionalProperties": False,
    }
)
_PAGE = query(owner=TEXT, path=TEXT, limit=_LIMIT, cursor=TEXT)
_REMOVED = query(owner=TEXT, path=TEXT, request_id=TEXT)
_TRASH_PAGE = query(owner=TEXT, prefix=TEXT, delimiter={"type": "string", "enum": ["/"]}, limit=_LIMIT, cursor=TEXT)
_MADE = {200: reply("It was there."), 201: reply("It is made.")}

DOOR = Door(
    name="folders",
    match=at(_FOLDERS, f"{_FOLDERS}/", _TRASH, f"{_TRASH}/", _JOBS, f"{_JOBS}/"),
    routes=(
        Route("POST", f"{_FOLDERS}/create", handlers.create, "create_folder", _CREATE, _MADE, body=_NEW),
        Route("GET", _FOLDERS, handlers.list_folder, "folder", _LIST, {200: reply(_LIST)}, _PAGE),
        Route("POST", f"{_FOLDERS}/move", handlers.move, "move_folder", _MOVE, _JOB_REPLIES, body=_MOVED),
        Route("PATCH", _FOLDERS, handlers.move, "update_folder", _MOVE, _JOB_REPLIES, body=_MOVED),
        Route("DELETE", _FOLDERS, handlers.remove, "remove_folder", _REMOVE, _JOB_REPLIES, _REMOVED),
        Route("GET", _TRASH, handlers.list_trash, "trash", _TRASHED, {200: reply(_TRASHED)}, _TRASH_PAGE),
        Route("POST", f"{_TRASH}/restore", handlers.restore, "restore", _RESTORE, _JOB_REPLIES, body=_BACK),
        Route(
            "DELETE",
            _TRASH,
            handlers.empty_trash,
            "empty_trash",
            _EMPTY,
            _JOB_REPLIES,
            query(owner=TEXT, request_id=TEXT),
        ),
        Route(
            "GET",
            _JOBS,
            handlers.list_jobs,
            "jobs",
            _RUNNING,
            {200: reply(_RUNNING)},
            query(owner=TEXT, limit=_LIMIT),
        ),
        Route("GET", _JOB, handlers.job_info, "job", _INFO, {200: reply(_INFO)}),
        Route("DELETE", _JOB, handlers.cancel_job, "cancel_job", _CANCEL, {200: reply(_INFO)}, scope=WRITE),
    ),
    authenticate=by_bearer_or_session,
    sessions=True,
    tag="folders",
    errors=(400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 417, 500, 501, 503),
)
