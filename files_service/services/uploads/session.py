"""Upload sessions: begin uploads and find them again, for every door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from files_service.core import Core
from files_service.domain.access import may_act_for
from files_service.domain.chunking import has_expired, names_in_upload_id, upload_id_of
from files_service.domain.media_types import UNKNOWN_TYPE, declared_type, media_type
from files_service.domain.paths import clean_path, name_of
from files_service.domain.uploads import find_part, prolong
from files_service.errors import BadRequest, Conflict, Gone, NotFound, storage_errors_as_files_errors
from files_service.services.editing import require_sharing
from files_service.services.encryption.domains import chunk_domain
from files_service.services.files import change, load_owning, require_unbound
from files_service.services.free_paths import OnConflict, require_free
from files_service.services.uploads.creation import made_earlier, save_new_if_room, save_once
from files_service.services.uploads.declare import Declaration, check_limits, pending_record
from files_service.services.uploads.quota import (
    PARTIAL,
    is_partial,
    require_place,
    require_room,
    require_room_for_more,
    require_still_room,
    uploads_of,
)
from storage_adapters import (
    Access,
    FileRecord,
    FileStatus,
    Part,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    Tombstone,
    Upload,
    UploadNotFound,
)

DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class UploadSession:
    """An upload and the record of its file, None before it exists, as one request has read or written them.

    A request reads neither twice. Both may be out of date: the store checks each write, and a lost race is decided
    again on the stored state.
    """

    upload: Upload
    record: FileRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Declaration of an upload at its beginning. ``size`` is None while it is unknown.

    A partial upload gets no file of its own: it is concatenated with others. ``details`` are stored for the door.
    ``request_id`` makes the repeated beginning of a file of known size that of the same upload. Making it raises
    Forbidden for an owner by an API key that is bound to a folder, or that names readers without the scope for that.
    """

    owner: str
    size: int | None
    name: str = "file"
    content_type: str | None = None
    access: str | None = None
    tags: tuple[str, ...] = ()
    md5: str | None = None
    sha256: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    path: str | None = None
    on_conflict: str | None = None
    version_of: str | None = None
    label: str | None = None
    request_id: str | None = None
    partial: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_unbound(self.owner)
        require_sharing({"access": self.access}, self.owner)
        # The permissions of an actor are not stored.
        object.__setattr__(self, "owner", str(self.owner))

    def as_params(self) -> dict[str, Any]:
        """Return the parameters of files.upload that declare the same file; an unknown size is 0 for now."""
        content_type = declared_type(self.content_type) if isinstance(self.content_type, str) else self.content_type
        part = {"size": self.size or 0, "content_type": content_type, "md5": self.md5, "sha256": self.sha256}
        params: dict[str, Any] = {
            "owner": self.owner,
            "name": self.name if self.path is None else None,
            "path": self.path,
            "on_conflict": self.on_conflict,
            "parts": [{name: value for name, value in part.items() if value is not None}],
            "access": self.access,
            "tags": list(self.tags) or None,
            "meta": dict(self.meta) or None,
            "version_of": self.version_of,
            "label": self.label,
            "request_id": self.request_id,
        }
        return {name: value for name, value in params.items() if value is not None}


def begin(core: Core, beginning: Beginning) -> Upload:
    """Begin an upload, or find the one that an earlier call with the same request id began.

    Raises BadRequest and FilesError for an invalid declaration or without room for the upload; Conflict when the
    earlier call declared another file; what ``find_session`` raises when its upload has ended otherwise.
    """
    with storage_errors_as_files_errors():
        declaration = declaration_of(beginning.as_params(), beginning.size or 0)
        check_limits(declaration, core, listed=False)
        file_id, owner, uploads = core.new_id(), beginning.owner, uploads_of(core)
        is_file = beginning.size is not None and not beginning.partial
        if beginning.request_id is not None and (not is_file or beginning.version_of is not None):
            message = "Is for a new file of known size that is uploaded as one."
            raise BadRequest(f"request_id: {message}", {"fields": {"request_id": [message]}})
        draft = pending_record(declaration, core, core.clock(), file_id=file_id) if is_file else None
        if draft is not None and (earlier := made_earlier(draft, core)) is not None:
            return _upload_of(core, earlier)
        require_place(core, owner)
        details: dict[str, Any] = {**beginning.details, DECLARED: beginning.as_params()}
        details["md5"] = beginning.md5 is not None
        if beginning.partial:
            details[PARTIAL] = True
        upload = _draft(core, owner, file_id, "p0", beginning.size, details)
        if draft is not None:
            record = save_new_if_room(draft, core, declaration.on_conflict)
            return uploads.create_upload(upload) if record.file_id == file_id else _upload_of(core, record)
        if declaration.path is not None and declaration.on_conflict is OnConflict.FAIL:
            # Of a file, its creation finds out; then the path may be that of an earlier request with the same id.
            require_free(core, owner, declaration.path)
        charged = require_room(core, owner, beginning.size or 0)
        upload = uploads.create_upload(upload)
        take_back = partial(uploads.delete_upload, upload.upload_id, now=core.clock())
        require_still_room(core, owner, charged, take_back)
        return upload


def _upload_of(core: Core, record: FileRecord) -> Upload:
    """Find the upload that was begun with a file. Raises what ``find_session`` raises."""
    return find_upload(core, upload_id_of(record.file_id, record.parts[0].part_id), record.owner)


def declare_size(core: Core, upload: Upload, size: int, *, of: Sequence[Upload] = ()) -> Upload:
    """Declare the size of an upload that was begun without one, and create its file.

    ``of`` are the partial uploads that it joins: their bytes are stored and counted already.
    """
    with storage_errors_as_files_errors():
        uploads = uploads_of(core)
        if upload.size not in (None, size):
            raise Conflict(f"the upload is of {upload.size} bytes", {"field": "size", "size": upload.size})
        if upload.size is None:
            declaration = declaration_of(upload.details[DECLARED], size)
            check_limits(declaration, core, listed=False)
            more = 0 if of else max(0, size - upload.received)
            require_room(core, upload.owner, size, more=more, but=(upload, *of))
            upload = uploads.set_size(upload.upload_id, size)
            if not is_partial(upload):
                names = names_in_upload_id(upload.upload_id)
                assert names is not None
                _declare(core, declaration, names[0])
        return uploads.set_size(upload.upload_id, size)


def declaration_of(said: Mapping[str, Any], size: int) -> Declaration:
    """Make the declaration from the parameters that are stored with the upload, and the size."""
    part = {"type": "file", "content_type": UNKNOWN_TYPE, "md5": None, "crc32c": None, "sha256": None}
    given = {name: value for name, value in said["parts"][0].items() if name != "size"}
    part |= {name: media_type(value) if name == "content_type" else value.lower() for name, value in given.items()}
    path = clean_path(said["path"]) if "path" in said else None
    return Declaration(
        owner=said["owner"],
        name=said["name"] if path is None else name_of(path),
        parts=[{**part, "size": size}],
        access=Access(said.get("access", Access.PRIVATE)),
        tags=said.get("tags", ()),
        meta=said.get("meta", {}),
        path=path,
        on_conflict=OnConflict(said.get("on_conflict", OnConflict.RENAME)),
        version_of=said.get("version_of"),
        author=said["owner"] if "version_of" in said else None,
        label=said.get("label"),
        request_id=said.get("request_id"),
    )


def find_upload(core: Core, upload_id: str, actor: str | None) -> Upload:
    """Find an upload; see ``find_session``."""
    return find_session(core, upload_id, actor).upload


def find_session(core: Core, upload_id: str, actor: str | None) -> UploadSession:
    """Find an upload, open or complete, and its file; begin the upload of a part that files.upload declared.

    Raises NotFound, also for an upload of another owner, and Gone when it has expired or its file was removed.
    """
    names = names_in_upload_id(upload_id)
    if names is None:
        raise _no_such(upload_id)
    with storage_errors_as_files_errors():
        uploads = uploads_of(core)
        record = _record(core, names[0], upload_id, actor)
        part = find_part(record, names[1]) if record is not None else None
        try:
            upload = uploads.get_upload(upload_id)
        except UploadNotFound:
            upload = _of_declared_part(core, record, part, upload_id)
        if not may_act_for(upload.owner, actor):
            raise _no_such(upload_id)
        if record is not None and record.file_id != names[0] and upload.sealed_at is None:
            raise Gone("the bytes have arrived by another way", {"file_id": record.file_id})
        if has_expired(upload, now=core.clock()):
            raise Gone("the upload has expired", {"upload_id": upload_id})
        if record is None and upload.size is not None and not is_partial(upload) and upload.sealed_at is None:
            record = declare_file(core, upload)
        return UploadSession(upload, record)


def declare_file(core: Core, upload: Upload) -> FileRecord:
    """Return the file of an upload of known size; create it if the request that declared the size died before.

    Raises RecordDeleted.
    """
    names = names_in_upload_id(upload.upload_id)
    assert names is not None
    assert upload.size is not None
    try:
        return core.metadata.get(names[0])
    except RecordDeleted:
        raise
    except RecordNotFound:
        return _declare(core, declaration_of(upload.details[DECLARED], upload.size), names[0])


def _declare(core: Core, declaration: Declaration, file_id: str) -> FileRecord:
    """Make the pending file of an upload, or find it when an earlier try has made it."""
    try:
        return core.metadata.get(file_id)
    except RecordNotFound:
        try:
            draft = pending_record(declaration, core, core.clock(), file_id=file_id)
            return save_once(draft, core, declaration.on_conflict)
        except RevisionConflict:
            # Another request about the same upload was faster.
            return core.metadata.get(file_id)


def _no_such(upload_id: str) -> NotFound:
    return NotFound("no such upload", {"upload_id": upload_id[:100]})


def _record(core: Core, file_id: str, upload_id: str, actor: str | None) -> FileRecord | None:
    """Load the file of an upload, or the file whose version the upload has become; None before there is one."""
    try:
        record = load_owning(core, file_id)
    except RecordNotFound:
        return None
    if not may_act_for(record.owner, actor):
        raise _no_such(upload_id)
    if isinstance(record, Tombstone):
        raise Gone("the file was removed", {"file_id": file_id})
    return record


def _of_declared_part(core: Core, record: FileRecord | None, part: Part | None, upload_id: str) -> Upload:
    if record is None or part is None:
        raise _no_such(upload_id)
    if record.status is not FileStatus.PENDING or part.received_at is not None:
        raise Gone("the bytes have arrived by another way", {"file_id": record.file_id})
    require_room_for_more(core, _draft(core, record.owner, "", "", part.size, {}), part.size)
    # The file first: a sweep that finds it expired must not see an upload of it yet.
    until = core.clock() + core.settings.upload_ttl_seconds * 1000
    change(core, record.file_id, partial(prolong, until=until), loaded=record)
    details = {"md5": part.md5 is not None}
    return uploads_of(core).create_upload(_draft(core, record.owner, record.file_id, part.part_id, part.size, details))


def _draft(core: Core, owner: str, file_id: str, part_id: str, size: int | None, details: Mapping[str, Any]) -> Upload:
    now = core.clock()
    return Upload(
        upload_id=upload_id_of(file_id, part_id),
        owner=owner,
        created_at=now,
        expires_at=now + core.settings.upload_ttl_seconds * 1000,
        size=size,
        chunk_size=core.settings.chunk_bytes,
        details=details,
        chunk_domain=chunk_domain(core, owner),
    )
