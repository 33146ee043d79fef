"""Files on a local disk whose bytes are damaged, and what the service says of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from files_service.core import Core
from files_service.domain.chunking import manifest_of
from files_service.services import content
from files_service.services.scrub.marks import lost_parts
from files_service.services.scrub.walk import Walk
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, begin
from files_service.services.uploads.writer import Engine, Stream
from storage_adapters import JSON, SupportsLocalFiles
from tests.cores import call

Damage = Callable[[Path], object]


def chunked_file(core: Core, data: bytes, owner: str = "ann") -> JSON:
    """Upload a file in chunks and process it; returns its record."""
    upload = begin(core, Beginning(owner=owner, size=len(data)))
    with closing(Engine(core, uploads_of(core))) as engine:
        stream = Stream(engine, upload, 0)
        stream.write(data)
        complete(core, UploadSession(stream.finish()))
    return call(core, "files.process", file_id=upload.upload_id.partition("-")[0])


def paths(core: Core, record: JSON) -> list[Path]:
    """The files on the disk that hold the bytes of the first part."""
    assert isinstance(core.blobs, SupportsLocalFiles)
    part = core.metadata.get(record["file_id"]).parts[0]
    if manifest_of(part) is None:
        return [core.blobs.local_path(part.key)]
    return [core.blobs.local_path(key) for key, _, _ in content.chunk_slices(core, part, 0, part.size)]


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def rot(path: Path) -> None:
    """Flip a bit; the size stays."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def scrub(core: Core, **params: Any) -> list[tuple[str, str, str, int]]:
    """Read everything once; returns file, part, reason and offset of what is lost."""
    found: list[tuple[str, str, str, int]] = []
    walk = Walk(
        core,
        on_loss=lambda record, part, loss: found.append((record.file_id, part.part_id, loss.reason.value, loss.offset)),
        **params,
    )
    for cost in walk.steps():
        assert 0 < cost <= 2**20
    return found


def marks(core: Core) -> list[tuple[str, str]]:
    """The reason of each mark, by its file."""
    return [(mark.file_id, mark.reason) for mark in lost_parts(core.metadata, now=core.clock())]
