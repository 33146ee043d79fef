"""Cores for tests: the real thing on memory stores, or on SQLite and the local disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from files_service.actions import METHODS
from files_service.config import Settings, load_settings, read_config
from files_service.core import Core, open_core
from storage_adapters import JSON

SECRETS = {
    "FILES_RPC_TOKEN": "rpc-token-for-tests-0123456789abcdef",
    "FILES_JWT_SECRET": "jwt-secret-for-tests-0123456789abcdef",
    "FILES_SIGNING_KEY": "signing-key-for-tests-0123456789abcdef",
}


def settings_for(data_dir: Path, **environ: str) -> Settings:
    """Settings as a process with this environment would have them."""
    return load_settings(read_config(environ={"FILES_DATA_DIR": str(data_dir), **SECRETS, **environ}))


def memory_core(data_dir: Path, **overrides: Any) -> Core:
    """A core that keeps everything in memory; ``overrides`` replace fields of the settings."""
    settings = settings_for(data_dir, FILES_METADATA_URL="memory://", FILES_BLOBS_URL="memory://")
    return open_core(replace(settings, **overrides))


def sqlite_core(data_dir: Path, **overrides: Any) -> Core:
    """A core on the embedded default, in this folder."""
    return open_core(replace(settings_for(data_dir), **overrides))


def call(core: Core, method: str, **params: Any) -> JSON:
    """Call an action as a transport does."""
    return METHODS[method](params, core)


def put_parts(core: Core, record: JSON, contents: list[bytes]) -> None:
    """Store the bytes of an upload's parts without finishing it."""
    for part, content in zip(record["parts"], contents, strict=True):
        core.blobs.put(part["key"], [content], content_type=part["content_type"], now=core.clock())


def processed_file(core: Core, content: bytes = b"content", **params: Any) -> JSON:
    """Upload, finish and process a file of one part; returns its record."""
    params = {"owner": "ann", "name": "clip.bin", **params}
    record = call(core, "files.upload", parts=[{"size": len(content)}], **params)
    put_parts(core, record, [content])
    call(core, "files.finish", file_id=record["file_id"], part_id="p0")
    return call(core, "files.process", file_id=record["file_id"])
