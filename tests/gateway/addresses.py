"""Addresses of bytes, as the methods hand them out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.gateway.serving import Reply, Served

TYPE = "application/octet-stream"
_KEPT = ("content", "info.json")


def declare(served: Served, size: int, **part: Any) -> Any:
    """Declare a file of one part; returns the part as the answer has it."""
    record = served.result("files.upload", owner="ann", name="clip.bin", parts=[{"size": size, **part}])
    return {**record["parts"][0], "file_id": record["file_id"]}


def put(served: Served, part: Any, content: bytes, **headers: str) -> Reply:
    return served.request("PUT", part["upload"]["url"], content, {**part["upload"]["headers"], **headers})


def status_of(served: Served, part: Any) -> str:
    status: str = served.result("files.info", file_id=part["file_id"])["status"]
    return status


def stored_files(served: Served) -> set[Path]:
    """The files below the blob store's folder that hold bytes or belong to an unfinished upload."""
    root = served.core.settings.data_dir / "blobs"
    # A folder may be removed while this looks.
    return {Path(folder, name) for folder, _, names in os.walk(root) for name in names if name in _KEPT}


def url_of(served: Served, record: Any, **params: Any) -> str:
    [url] = served.result("files.download", file_id=record["file_id"], **params)["urls"]
    return str(url)
