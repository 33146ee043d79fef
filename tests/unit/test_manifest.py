"""files.manifest."""

from __future__ import annotations

import hashlib

from files_service.core import Core
from tests.cores import call, pending_file, processed_file, put_parts


def test_a_manifest_names_the_chunks_in_their_places(core: Core) -> None:
    contents = [b"one", b"", b"three"]
    file = processed_file(core, *contents, access="public")
    assert call(core, "files.manifest", file_id=file["file_id"], actor="sam") == {
        "_id": file["file_id"],
        "user_id": "ann",
        "name": "clip.bin",
        "size": 8,
        "mime_type": file["content_type"],
        "upload_size": 8,
        "upload_end": file["uploaded_at"],
        "chunks": [
            {"object_id": hashlib.sha256(content).hexdigest(), "slice_start": start, "size": len(content)}
            for content, start in zip(contents, (0, 3, 3), strict=True)
        ],
    }


def test_a_part_that_is_missing_leaves_its_place_open(core: Core) -> None:
    file = pending_file(core, b"one", b"three")
    put_parts(core, file, [b"one", b"three"])
    call(core, "files.finish", file_id=file["file_id"], part_id="p1")
    manifest = call(core, "files.manifest", file_id=file["file_id"])
    assert [(chunk["slice_start"], chunk["size"]) for chunk in manifest["chunks"]] == [(3, 5)]
    assert (manifest["size"], manifest["upload_size"], manifest["upload_end"]) == (8, 5, None)
