"""Names that the metadata want, for one census."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from files_service.core import Core
from files_service.domain.chunking import names_in_chunk_key
from files_service.services.blob_claims import Claim, claims_on
from files_service.services.wanted_blobs import WantedBlob, is_still_wanted, wanted_blobs
from storage_adapters import BlobInfo, BlobNotFound, StorageUnavailable
from storage_adapters.blobs.nodes.protocol.effects import Wanted
from storage_adapters.blobs.nodes.protocol.naming import parse_name

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
        """Return the wanted blobs by their keys. Raises StorageError.

        A blob that the walk does not meet is wanted, too, unless nothing claims it: bytes on their way, bytes that are
        kept on purpose, and parts that move from file to file meanwhile.
        """
        self._blobs = {}
        for blob in wanted_blobs(self._core):
            self._blobs.setdefault(blob.key, blob)
        wanted = [Wanted(key, generation=blob.generation) for key, blob in self._blobs.items()]
        # The other blobs, and True for those of which a node has the index.
        others: dict[str, bool] = {}
        for name in map(parse_name, self._stored):
            if name is not None and name.key not in self._blobs:
                others[name.key] = others.get(name.key, False) or name.is_index
        return wanted + [Wanted(key, stored=False) for key in self._claimed(others)]

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

    def _claimed(self, others: Mapping[str, bool]) -> Iterable[str]:
        keys = sorted(others)
        for start in range(0, len(keys), _JUDGED_AT_ONCE):
            infos = [self._info(key, has_index=others[key]) for key in keys[start : start + _JUDGED_AT_ONCE]]
            for info, claim in zip(infos, claims_on(self._core, infos), strict=True):
                if claim is not Claim.NONE:
                    yield info.key

    def _info(self, key: str, *, has_index: bool) -> BlobInfo:
        """Return the description of a blob; of a chunk with its hash, without which nobody can judge it."""
        if names_in_chunk_key(key) is not None and has_index:
            # A node that is silent hinders no repair.
            with suppress(BlobNotFound, StorageUnavailable):
                return self._core.blobs.head(key)
        return BlobInfo(
            bucket=self._core.blobs.bucket, key=key, size=0, content_type="", created_at=0, generation="unknown"
        )


def key_of(name: str) -> str:
    """Return the key of the blob that a chunk is of; a name without a form is a key."""
    parsed = parse_name(name)
    return name if parsed is None else parsed.key
