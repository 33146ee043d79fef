"""The address ``/blobs/{key}``: the part that it names."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from files_service.core import Core
from files_service.domain.uploads import names_in_key
from files_service.domain.versions import stored_part
from files_service.errors import Gone, NotFound
from files_service.services.files import load_owning
from storage_adapters import FileRecord, Part, Tombstone

PATH = "/blobs/"


@dataclass(frozen=True, slots=True)
class Address:
    """A key and the file and part that it names."""

    key: str
    file_id: str
    part_id: str

    @property
    def owner(self) -> str:
        """The hash of the owner."""
        return self.key.partition("/")[0]


def address_of(request: web.Request) -> Address:
    """Read the key from the path, which must be spelled exactly as the service made it. Raises NotFound."""
    key = request.rel_url.raw_path.removeprefix(PATH)
    names = names_in_key(key)
    if names is None or key != request.match_info["key"]:
        raise NotFound("there is nothing at this address", {"fields": {"key": ["Not a key."]}})
    return Address(key, *names)


def load_part(core: Core, address: Address) -> tuple[FileRecord, Part]:
    """Load the record and the part of a key, current or former. Raises Gone, RecordNotFound or NotFound."""
    record = load_owning(core, address.file_id)
    if isinstance(record, Tombstone):
        raise Gone("the file was removed", {"file_id": address.file_id})
    part = stored_part(record, address.key, core.blobs.bucket)
    if part is None:
        raise NotFound("there is nothing at this address", {"fields": {"key": ["No file has this part."]}})
    return record, part
