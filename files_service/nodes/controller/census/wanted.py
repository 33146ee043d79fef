"""Names that the metadata want, for one census."""

from __future__ import annotations

from collections.abc import Iterable

from files_service.core import Core
from files_service.domain.chunking import names_in_chunk_key
from files_service.services.blob_claims import Claim, claims_on
from files_service.services.wanted_blobs import WantedBlob, is_still_wanted, wanted_blobs
from storage_adapters import BlobInfo, BlobNotFound, KeyUnavailable
from storage_adapters.blobs.nodes.protocol.effects import Wanted
from storage_adapters.blobs.nodes.protocol.naming import parse_name, wanted_chunks

_JUDGED_AT_ONCE = 100


class WantedNames:
    """Wanted names of one census. ``see`` gets the names on the nodes first; ``walk`` reads the metadata afterwards."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._stored: set[str] = set()
        self._blobs: dict[str, WantedBlob] = {}

    def see(self, names: Iterable[str]) -> None:
        """Note names of chunks that a node has."""
        self._stored.update(names)

    def walk(self) -> list[Wanted]:
        """Return the wanted chunks. Raises StorageError.

        A blob that the walk does not meet is wanted, too, unless nothing claims it: bytes on their way, bytes that are
        kept on purpose, and parts that move from file to file meanwhile.
        """
        self._blobs = {}
        for blob in wanted_blobs(self._core):
            self._blobs.setdefault(blob.key, blob)
        wanted = {key: Wanted(key) for key in self._blobs}
        keys = {name.key for name in map(parse_name, self._stored) if name is not None} - set(wanted)
        wanted |= {key: Wanted(key, stored=False) for key in self._claimed(sorted(keys))}
        return list(wanted_chunks(wanted, self._stored).values())

    def is_wanted(self, name: str) -> bool:
        """Return True when the metadata still want a name as stored. Raises StorageError.

        A blob that the inventories lacked is known by its key alone; it may have been stored since.
        """
        blob = self._blobs.get(key_of(name))
        if blob is None or (parse_name(name) is None and self._is_stored(blob.key)):
            return False
        return is_still_wanted(self._core, blob)

    def _is_stored(self, key: str) -> bool:
        try:
            self._core.blobs.head(key)
        except BlobNotFound:
            return False
        return True

    def _claimed(self, keys: list[str]) -> Iterable[str]:
        for start in range(0, len(keys), _JUDGED_AT_ONCE):
            infos = [self._info(key) for key in keys[start : start + _JUDGED_AT_ONCE]]
            for info, claim in zip(infos, claims_on(self._core, infos), strict=True):
                if claim is not Claim.NONE:
                    yield info.key

    def _info(self, key: str) -> BlobInfo:
        """Return the description of a blob; of a chunk with its hash, without which nobody can judge it."""
        if names_in_chunk_key(key) is not None:
            try:
                return self._core.blobs.head(key)
            except (BlobNotFound, KeyUnavailable):
                pass
        return BlobInfo(
            bucket=self._core.blobs.bucket, key=key, size=0, content_type="", created_at=0, generation="unknown"
        )


def key_of(name: str) -> str:
    """Return the key of the blob that a chunk is of; a name without a form is a key."""
    parsed = parse_name(name)
    return name if parsed is None else parsed.key
