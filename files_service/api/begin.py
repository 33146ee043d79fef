"""Start uploads at a door, or store them whole, with the parameter checks of ``files.upload``."""

from __future__ import annotations

from collections.abc import Sequence

from files_service.api.upload import upload
from files_service.core import Core
from files_service.errors import BadRequest, bad_fields
from files_service.services.parts import FinishedPart
from files_service.services.uploads import concatenate, session, whole
from files_service.services.uploads.session import Beginning
from storage_adapters import Upload


def begin(core: Core, beginning: Beginning) -> Upload:
    """Start an upload. Raises BadRequest that names the field, and what ``session.begin`` raises."""
    _check(beginning)
    return session.begin(core, beginning)


def store_whole(core: Core, beginning: Beginning, data: bytes) -> FinishedPart:
    """Make a file of a small body. Raises as ``begin`` and ``whole.store_whole``."""
    _check(beginning)
    return whole.store_whole(core, beginning, data)


def begin_joined(core: Core, beginning: Beginning, upload_ids: Sequence[str], actor: str | None) -> Upload:
    """Start an upload that concatenates partial ones. Raises as ``begin`` and ``concatenate.begin_joined``."""
    _check(beginning)
    return concatenate.begin_joined(core, beginning, upload_ids, actor)


def _check(beginning: Beginning) -> None:
    """Check a declaration. Raises BadRequest, whose fields have the names of the doors: these know no list of parts."""
    try:
        upload.load(beginning.as_params())
    except BadRequest as error:
        faults = {name.removeprefix("parts.0."): told for name, told in error.details["fields"].items()}
        raise bad_fields(faults) from error
