"""Sign-in links that were used: each signs in once, in whatever process."""

from __future__ import annotations

from files_service.core import Core
from files_service.errors import Unauthorized
from files_service.services.accounts import documents
from storage_adapters import RevisionConflict

USED = "used_sign_in_links"
# For clocks that differ: no link may outlive the note that it was used.
_SLACK_MS = 3_600_000


def use_link(core: Core, link_id: str, expires_at: int) -> None:
    """Use up a link that expires at this time. Raises Unauthorized when it was used before."""
    note = documents.new_document(USED, link_id, {}, expires_at=expires_at + _SLACK_MS)
    try:
        documents.put(core, note)
    except RevisionConflict:
        raise Unauthorized("the link was used; each signs in once") from None
