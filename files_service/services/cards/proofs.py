"""Proofs of a session for its owner: the signed receipt of its verdict, and the manifest of its files."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice

from files_service.core import Core
from files_service.domain.mhl import HashedFile, is_expressible, manifest
from files_service.errors import TooLarge, WrongStatus
from files_service.services.cards.entries import is_archived, walk_entries
from files_service.services.cards.session import Session, require_session
from files_service.services.receipts import ReceiptSigner
from storage_adapters import JSON

_PIECES = 500
MOST_MANIFEST_BYTES = 8 * 2**20
_SHOWN = ("session_id", "owner", "card_id", "label", "camera", "folder", "verify", "counts", "listing_sha256")


def receipt(core: Core, actor: str | None, session_id: str) -> JSON:
    """Return the signed receipt of a verdict: ``receipt``, ``signature``, ``key``.

    ``files_sha256`` in it seals all files whose bytes are in the archive: the SHA-256 of a line ``path NUL size NUL
    sha256 LF`` for each, in the order of the bytes of their paths. Raises NotFound, and WrongStatus for a session
    without a verdict.
    """
    session = _judged(core, actor, session_id)
    count = size = 0
    digest = hashlib.sha256()
    for entry in walk_entries(core, session.session_id):
        if is_archived(entry):
            count, size = count + 1, size + entry["size"]
            digest.update(f"{entry['path']}\0{entry['size']}\0{entry['sha256']}\n".encode())
    shown = session.shown()
    content = {name: shown[name] for name in _SHOWN} | {
        "state": session.state.value,
        "verdict": session.current_verdict,
        "files": count,
        "bytes": size,
        "files_sha256": digest.hexdigest(),
        "service": version("files-service"),
        "signed_at": core.clock(),
    }
    # A verdict that fell meanwhile is not vouched for.
    if _judged(core, actor, session_id).edition != session.edition:
        raise WrongStatus("the session changed while it was read", {"session_id": session_id[:64]})
    return ReceiptSigner(core.settings.signing_key).sign(content)


def manifest_of(core: Core, actor: str | None, session_id: str, *, generation: int) -> Iterator[str]:
    """Yield the ASC MHL manifest of the files of a session in pieces, as the given generation of its tree.

    Raises NotFound, and WrongStatus for a session without a verdict, or with a path that XML cannot express, before the
    first piece.
    """
    session = _judged(core, actor, session_id)
    assert session.verdict is not None
    for entry in walk_entries(core, session.session_id):
        if not is_expressible(entry["path"]):
            raise WrongStatus("a path has characters that a manifest cannot express", {"path": entry["path"][:100]})
    verified_at: int = session.verdict["verified_at"]
    files = (
        HashedFile(
            path=entry["path"],
            size=entry["size"],
            modified_at=entry["mtime_at"],
            xxh64=entry["xxh64"],
            hashed_at=verified_at,
        )
        for entry in walk_entries(core, session.session_id)
        if is_archived(entry) and entry["xxh64"]
    )
    pieces = manifest(
        files,
        created_at=verified_at,
        host=socket.gethostname(),
        version=version("files-service"),
        is_first=generation == 1,
    )
    return _joined(pieces)


def whole_manifest(core: Core, actor: str | None, session_id: str, *, generation: int) -> JSON:
    """Return the manifest of ``manifest_of`` as one text. Raises TooLarge for one that no message of a broker holds."""
    pages, length = list[str](), 0
    for page in manifest_of(core, actor, session_id, generation=generation):
        length += len(page.encode())
        if length > MOST_MANIFEST_BYTES:
            message = "the manifest is too large for one answer: read it by HTTP, /api/card-sessions/{session_id}/mhl"
            raise TooLarge(message, {"field": "manifest", "limit": MOST_MANIFEST_BYTES})
        pages.append(page)
    return {"session_id": session_id, "generation": generation, "manifest": "".join(pages)}


def _joined(pieces: Iterator[str]) -> Iterator[str]:
    while page := "".join(islice(pieces, _PIECES)):
        yield page


def _judged(core: Core, actor: str | None, session_id: str) -> Session:
    session = require_session(core, session_id, actor)
    if session.verdict is None:
        raise WrongStatus("the session has no verdict yet", {"state": session.state.value})
    return session
