"""A service with sample files, for pictures of its pages: landscapes of our own, documents, links, a memory card."""

from __future__ import annotations

from pathlib import Path

from files_service.core import Core
from files_service.services.opening import open_core
from storage_adapters import JSON
from tests.cores import call, processed_file, settings_for, with_preview
from tests.pages.landscapes import drawn, poster
from tests.pages.plenty import count_all, fill, model
from tests.unit.cards.scenes import OWNER, brought, copied, verified

MB = 1_000_000
_PHOTOS, _FIRST, _APART_MS = 240, 2_700, 6 * 3_600_000
# Name, content type, size, number of its landscape.
_FILES = (
    ("Delivery/Shot list.pdf", "application/pdf", 240_000, None),
    ("Delivery/Sound mix.wav", "audio/wav", 41 * MB, None),
    ("Delivery/Contract signed.pdf", "application/pdf", 180_000, None),
    ("Dunes/A001_C012_0914XK.mov", "video/quicktime", 104 * MB, 2),
    ("Dunes/DSC04390.jpg", "image/jpeg", 2 * MB, 10),
    ("Harbour/DSC04417 fog.jpg", "image/jpeg", 2 * MB, 3),
    ("Harbour/DSC04418 evening.jpg", "image/jpeg", 2 * MB, 1),
    ("Mountains/GX010231.mp4", "video/mp4", 63 * MB, 11),
    ("Mountains/DSC04502 night.jpg", "image/jpeg", 2 * MB, 5),
)
_LINKED, _PUBLIC = "Mountains/DSC04502 night.jpg", "Harbour/DSC04417 fog.jpg"


def open_sample(folder: Path, second: Path) -> Core:
    """Open a service that keeps everything twice, in folders on two file systems."""
    return open_core(settings_for(folder, FILES_MIRROR_URL=f"file://{second}"))


def fill_sample(core: Core) -> dict[str, str]:
    """Fill the service; return the addresses of pages that have a key of their own, by name."""
    models = []
    for number in range(24):
        made = drawn(number)
        models.append(model(core, "DSC.jpg", made.jpeg, "image/jpeg", **made.previews))
    models.insert(7, model(core, "GX.mp4", b"film", "video/mp4", poster=poster(30)))
    fill(core, OWNER, _PHOTOS, models, apart_ms=_APART_MS, start=_FIRST)
    session = verified(
        core, copied(core, [brought(core, f"DCIM/100EOS/MVI_{at}.MP4") for at in range(7_401, 7_408)])["session_id"]
    )
    files = [_put(core, *each) for each in _FILES]
    wedding = call(core, "shares.create", owner=OWNER, path="Harbour", title="Harbour, for the print")
    call(
        core,
        "shares.create",
        owner=OWNER,
        items=[files[3]["file_id"]],
        title="Dunes, first take",
        password="winter sun 26",
    )
    call(core, "shares.create", owner=OWNER, kind="drop", path="Received", title="Photos of the wedding")
    trashed = processed_file(core, b"x" * 900_000, owner=OWNER, name="Draft of the contract.pdf")
    call(core, "files.remove", file_id=trashed["file_id"])
    count_all(core)
    return {"card": f"/cards/{session['session_id']}", "share": f"/s/{wedding['key']}"}


def _put(core: Core, path: str, content_type: str, size: int, number: int | None) -> JSON:
    content, previews = b"\0" * size, dict[str, bytes]()
    if number is not None:
        made = drawn(number)
        previews = made.previews if content_type.startswith("image/") else {"poster": poster(number), **made.previews}
        content = made.jpeg.ljust(size, b"\0")
    access = {_LINKED: "unlisted", _PUBLIC: "public"}.get(path, "private")
    parts = [{"size": len(content), "content_type": content_type}]
    named = {"name": path.rpartition("/")[2], "path": path, "access": access}
    record = processed_file(core, content, owner=OWNER, parts=parts, **named)
    return with_preview(core, record["file_id"], **previews) if previews else record
