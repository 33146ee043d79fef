"""The folder ``ascmhl`` of an exported tree: manifests, their chain, and the signed receipt."""

from __future__ import annotations

import http.client
import os
import re
from pathlib import Path

import orjson

from files_service.cli.remote import Remote
from files_service.cli.session import Failed
from files_service.domain.mhl import C4, CHAIN, FOLDER, Generation, chain, manifest_name
from storage_adapters import JSON

RECEIPT = "receipt.json"
_PIECE = 256 * 1024
_ENTRY = re.compile(
    r'<hashlist sequencenr="(\d{1,6})">\s*<path>([A-Za-z0-9._-]+)</path>\s*<c4>(c4[1-9A-Za-z]{88})</c4>\s*</hashlist>'
)


def write_proofs(remote: Remote, session: JSON, to: Path) -> str | None:
    """Write the receipt, and the manifest of this verdict as the next generation of the tree; return its name.

    A tree that has the manifest of this verdict is left as it is, and None is returned. Raises FilesError, Failed.
    """
    folder = to / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        _replace(folder / RECEIPT, orjson.dumps(remote.call("cards.receipt", {"session_id": session["session_id"]})))
        made = _generations(folder)
        name = manifest_name(len(made) + 1, to.resolve().name, session["verdict"]["verified_at"])
        if made and made[-1].name.partition("_")[2] == name.partition("_")[2]:
            return None
        c4 = _fetch(remote, session["session_id"], len(made) + 1, folder / name)
        _replace(folder / CHAIN, chain([*made, Generation(number=len(made) + 1, name=name, c4=c4)]).encode())
    except OSError as error:
        raise Failed(f"cannot write the manifest: {error.strerror or error}") from error
    return name


def _generations(folder: Path) -> list[Generation]:
    """Return the generations of a tree in their order. Raises Failed for a chain that was written otherwise."""
    try:
        text = (folder / CHAIN).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    found = [Generation(number=int(number), name=name, c4=c4) for number, name, c4 in _ENTRY.findall(text)]
    if [each.number for each in found] != list(range(1, text.count("<hashlist ") + 1)):
        raise Failed(f"{folder / CHAIN} is no chain of manifests that this version can continue")
    return found


def _fetch(remote: Remote, session_id: str, generation: int, target: Path) -> str:
    """Save the manifest of a session and return its identifier."""
    url = f"{remote.url}/api/card-sessions/{session_id}/mhl?generation={generation}"
    c4, part = C4(), target.with_suffix(".part")
    try:
        with remote.get(url, {"Authorization": f"Bearer {remote.token}"}) as response:
            if response.status != http.HTTPStatus.OK:
                remote.result(response.status, response.read())
            with part.open("wb") as file:
                while piece := response.read(_PIECE):
                    file.write(piece)
                    c4.update(piece)
                file.flush()
                os.fsync(file.fileno())
    except http.client.HTTPException as error:
        raise remote.unreachable(error) from error
    part.replace(target)
    return c4.text()


def _replace(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
