"""Owners whose tenants share chunks, and what is stored of them."""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from files_service.core import Core
from files_service.domain.chunking import manifest_of, names_in_chunk_key
from files_service.domain.uploads import owner_segment
from files_service.services import content
from files_service.services.encryption.owners import assign_owner
from files_service.services.opening import open_core
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.sweep import sweep_uploads
from storage_adapters import SupportsDocuments, SupportsListing, Upload
from tests.clocks import Clock
from tests.cores import call, settings_for

CHUNK = 1_024
TENANTS = {"ann@acme": "acme", "bob@acme": "acme", "eve@other": "other", "kim": "", "lea": ""}
DATA = bytes(range(256)) * 4 + b"second chunk" * 50


def new_key() -> str:
    return f"a:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def encrypting_core(folder: Path, key: str, *, metadata: str = "memory://", **overrides: Any) -> Core:
    """A core with encryption, owners of three tenants, and a clock that stands still."""
    settings = settings_for(folder, FILES_ENCRYPTION_KEYS=key, FILES_METADATA_URL=metadata, FILES_BLOBS_URL="memory://")
    clock = Clock()
    core = replace(
        open_core(replace(settings, chunk_bytes=CHUNK, free_disk_bytes=0, **overrides)), clock=clock, timer=clock
    )
    assert isinstance(core.metadata, SupportsDocuments)
    for owner, tenant in TENANTS.items():
        assign_owner(core.metadata, owner_segment(owner), tenant, now=clock())
    return core


def upload_of(core: Core, file_id: str) -> Upload:
    """The manifest of a file of one part."""
    manifest = manifest_of(core.metadata.get(file_id).parts[0])
    assert manifest is not None
    return uploads_of(core).get_upload(manifest)


def bytes_of(core: Core, file_id: str) -> bytes:
    return b"".join(content.read(core, core.metadata.get(file_id).parts[0]))


def chunk_keys(core: Core) -> list[str]:
    """The keys of all stored chunks."""
    assert isinstance(core.blobs, SupportsListing)
    return [info.key for info in core.blobs.scan(limit=1_000) if names_in_chunk_key(info.key)]


def sweep_all(core: Core) -> None:
    """Sweep after the times for which removed files and chunks are kept."""
    clock = core.clock
    assert isinstance(clock, Clock)
    for _ in range(3):
        clock.pass_seconds(10 * 24 * 3_600)
        call(core, "files.sync")
        sweep_uploads(core)
