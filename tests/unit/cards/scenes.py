"""Cards whose files are in the archive, and what their sender tells."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

import xxhash

from files_service.core import Core
from files_service.domain.cards import Listing
from files_service.worker.card_verifier import CardVerifier
from storage_adapters import JSON
from tests.cores import call, processed_file
from tests.unit.lost_bytes import chunked_file

CARD = "0123-ABCD:64000000000"
OWNER = "ann"


def bytes_of(path: str, size: int = 300) -> bytes:
    """The bytes of a file on the card."""
    return random.Random(path).randbytes(size)


def fast_key_of(content: bytes) -> str:
    edges = content if len(content) <= 131_072 else content[:65_536] + content[-65_536:]
    return xxhash.xxh64(edges).hexdigest()


def entry_of(path: str, content: bytes, file_id: str | None, **more: Any) -> JSON:
    """What a sender tells of a file that it uploaded."""
    return {
        "path": path,
        "size": len(content),
        "mtime_at": 1_700_000_000_000,
        "status": "uploaded",
        "file_id": file_id,
        "sha256": hashlib.sha256(content).hexdigest(),
        "xxh64": xxhash.xxh64(content).hexdigest(),
        "fast_key": fast_key_of(content),
        **more,
    }


def brought(core: Core, path: str, *, chunked: bool = False, **more: Any) -> JSON:
    """A file of the card that is in the archive."""
    content = bytes_of(path)
    record = chunked_file(core, content, OWNER) if chunked else processed_file(core, content, owner=OWNER)
    return entry_of(path, content, record["file_id"], **more)


def begun(core: Core, files: int, size: int, **more: Any) -> JSON:
    """A session of a card that was inserted."""
    call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD, "label": "EOS"})
    params = {"owner": OWNER, "card_id": CARD, "request_id": "one", "files": files, "bytes": size, **more}
    return call(core, "cards.begin", **params)


def listing_of(entries: list[JSON]) -> str:
    """The digest of a card with these files, by the rule of the documents."""
    listing = Listing()
    for each in sorted(entries, key=lambda each: each["path"].encode()):
        listing.add(each["path"], each["size"], each["mtime_at"])
    return listing.sha256


def copied(core: Core, entries: list[JSON], **more: Any) -> JSON:
    """A session whose sender did all that it should."""
    total = sum(each["size"] for each in entries)
    session = begun(core, len(entries), total, **more)
    call(core, "cards.add", session_id=session["session_id"], files=entries)
    second = {"finished_at": core.clock(), "files": len(entries), "bytes": total, "full": True}
    told = {"state": "uploaded", "second_read": second, "listing_sha256": listing_of(entries)}
    return call(core, "cards.progress", session_id=session["session_id"], **told)


def verified(core: Core, session_id: str, *, between: Callable[[], object] = lambda: None) -> JSON:
    """Verify a session by a worker of its own; returns the session with its verdict."""
    call(core, "cards.verify", session_id=session_id)
    between()
    return worked(core, session_id)


def worked(core: Core, session_id: str) -> JSON:
    """Let a worker verify what is to be verified."""
    verifier = CardVerifier(core, holder=core.new_id())
    for _ in range(1_000):
        session = call(core, "cards.session", session_id=session_id)
        if session["state"] != "verifying":
            verifier.give_up()
            return session
        verifier.step()
    raise AssertionError("it does not end")


def verifying(core: Core, number: int, files: int) -> str:
    """A session of one of several cards, whose verification has begun; returns its id."""
    entries = [brought(core, f"{number}/{index}") for index in range(files)]
    card = {"card_id": f"card-{number}"}
    call(core, "cards.inserted", owner=OWNER, card=card)
    params: dict[str, Any] = {"request_id": f"r{number}", "files": files, "bytes": 300 * files}
    session_id: str = call(core, "cards.begin", owner=OWNER, **card, **params)["session_id"]
    call(core, "cards.add", session_id=session_id, files=entries)
    call(core, "cards.progress", session_id=session_id, state="uploaded", listing_sha256=listing_of(entries))
    call(core, "cards.verify", session_id=session_id)
    return session_id
