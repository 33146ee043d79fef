"""The picture that goes with the notice of a copied card: the first poster of its files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from files_service.core import Core
from files_service.domain.notices import Kind, Notice
from files_service.services import content
from files_service.services.cards.entries import walk_entries
from files_service.services.cards.session import find_session
from files_service.services.notices.channels import Poster
from storage_adapters import Part, RecordNotFound, StorageError

POSTER = "poster"
MAX_POSTER_BYTES = 5 * 2**20
_LOOKED_AT = 50


def poster_of(core: Core, notices: Sequence[Notice]) -> Poster | None:
    """Return the picture for a message, None where there is none yet, or it cannot be read."""
    session_id = next((each.facts["session_id"] for each in notices if each.kind is Kind.SESSION_COMPLETE), None)
    if session_id is None:
        return None
    try:
        part = _poster_part(core, session_id)
        if part is None or part.size > MAX_POSTER_BYTES:
            return None
        suffix = part.content_type.rpartition("/")[2]
        name = f"{POSTER}.{suffix if suffix.isalnum() else 'jpg'}"
        return Poster(name=name, content_type=part.content_type, content=b"".join(content.read(core, part)))
    except StorageError:
        return None


def _poster_part(core: Core, session_id: str) -> Part | None:
    session = find_session(core, session_id)
    if session is None:
        return None
    for entry in islice(walk_entries(core, session_id), _LOOKED_AT):
        file_id = entry.get("file_id")
        try:
            record = core.metadata.get(file_id) if file_id else None
        except RecordNotFound:
            continue
        # A session may name any id: the files of others are none of its owner's.
        if record is None or record.owner != session.owner or not record.is_listed:
            continue
        part = next((each for each in record.derived if each.type == POSTER), None)
        if part is not None:
            return part
    return None
