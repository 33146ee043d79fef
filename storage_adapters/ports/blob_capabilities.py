"""Capabilities of some blob stores beyond their port; all semantics are in these docstrings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Required, TypedDict, Unpack

from storage_adapters.ports.blobs import BlobStore, BlobWriter
from storage_adapters.records import BlobInfo, Grant, Resealed, SignedUrl


class UrlTerms(TypedDict, total=False):
    """Terms that a signed URL is bound to."""

    expires_at: Required[int]
    content_type: str | None
    size: int | None
    filename: str | None
    epoch: int


class SupportsSignedUrls(ABC):
    """URLs that expire, by which a client without credentials makes one request."""

    @abstractmethod
    def sign(self, method: str, key: str, **terms: Unpack[UrlTerms]) -> SignedUrl:
        """Sign a PUT, GET or HEAD of the key.

        A PUT is bound to ``content_type`` and ``size``; a GET with ``filename`` is answered as an attachment of that
        name (RFC 6266). ``epoch`` comes back in the grant of a store that verifies its URLs; others ignore it.

        The caller sends ``SignedUrl.headers`` as they are. Raises InvalidKey, and NoAddress for a GET or HEAD of a blob
        that only this store can read.
        """


class VerifiesSignedUrls(ABC):
    """Signed URLs that the gateway serves: it asks the store to verify the signature of a request."""

    @abstractmethod
    def verify(self, method: str, key: str, params: Mapping[str, str], *, now: int) -> Grant:
        """Return what the URL's query parameters grant at ``now``.

        A URL signed for GET admits HEAD as well; every other method only itself. Raises InvalidSignature when
        anything was altered, added, repeated or left out, when the URL has expired (``now`` >= its ``expires_at``),
        or when it was signed for another key or method. That a PUT has the granted content type and size is the
        caller's to check.
        """


class SupportsPublicUrls(ABC):
    """Public URLs, which need no signature; their server lets through public blobs only."""

    @abstractmethod
    def public_url(self, key: str) -> str:
        """Return the URL of the key, the same for ever. Raises InvalidKey."""


class StartsUploads(ABC):
    """Addresses at which a client without credentials sends one blob in pieces, and resumes when interrupted."""

    @property
    @abstractmethod
    def upload_seconds(self) -> int:
        """Lifetime of such an address from its creation; it cannot be revoked."""

    @abstractmethod
    def start_upload(
        self,
        key: str,
        *,
        content_type: str,
        size: int,
        now: int,
        checksums: Mapping[str, str | None] | None = None,
        origin: str | None = None,
    ) -> SignedUrl:
        """Begin an upload of exactly ``size`` bytes; the answer has secrets by which any client may send them.

        Of several uploads to one key the first that is complete wins, and the others cannot be completed; a store that
        keeps what has come of each may end the oldest of more than three. Bytes of another size are not stored. Raises
        BlobExists when the key is taken, InvalidKey.
        """


class SupportsResumableUpload(StartsUploads):
    """Uploads to one address, which keeps the bytes that have arrived, and is done with the last of them.

    Bytes with another MD5 or CRC32C than ``checksums`` says are not stored. A page may send them only if it comes from
    ``origin``.
    """


class SupportsPartUploads(StartsUploads):
    """Uploads in parts, each with an address of its own; the blob exists once the service completes the upload.

    ``start_upload`` answers the protocol ``s3-multipart`` and all parts. A client sends each part by a PUT, in any
    order, and the same bytes again after a cut; an address takes only as many bytes as its part has. A GET of
    ``SignedUrl.url`` answers which parts have arrived. The store compares no ``checksums``, and vouches for none of
    such a blob, so that processing compares its bytes; which pages may send them, the bucket's CORS rules say.
    """

    @abstractmethod
    def complete_upload(self, key: str, *, size: int) -> BlobInfo:
        """Make a blob of the parts of an upload that has all of them, and end the other uploads to the key.

        Return the blob that is there, also when it came otherwise. Raises BlobNotFound when there is none and no
        upload has all of its ``size`` bytes, InvalidKey. Doing it again, or at once in several processes, is harmless.
        """

    @abstractmethod
    def end_uploads(self, key: str) -> None:
        """End the uploads to the key: their addresses take nothing more, and the parts that have come are deleted.

        A blob that is there stays. Doing it again is harmless. Raises InvalidKey.
        """


class SupportsListing(ABC):
    """List of a store's blobs."""

    @abstractmethod
    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """Return up to ``limit`` blobs whose keys begin with ``prefix``, behind the key ``after``.

        The order is the store's own, and always the same: who goes on behind the last key until a page is empty has
        met each blob once that was there all the time and can be described. A bucket may hold objects of other
        programs; such an object is shown under its name, which need not be a key.
        """

    def unlisted(self, *, prefix: str, after: str, until: str | None) -> list[BlobInfo]:
        """Return the blobs behind ``after`` up to ``until`` that a list leaves out: they cannot be described.

        Of each is known what the store itself tells. The generation is "", by which ``delete`` removes it only as long
        as it cannot be described.
        """
        return []


class SupportsCopy(ABC):
    """Copies of a blob without moving its bytes through the caller."""

    @abstractmethod
    def copy(self, source: str, target: str, *, now: int) -> BlobInfo:
        """Make ``target`` a blob of the same content. Raises BlobNotFound, BlobExists, InvalidKey."""


class SupportsLocalFiles(ABC):
    """Blobs that are files of this machine, so that a server may send them with sendfile(2)."""

    @abstractmethod
    def local_path(self, key: str) -> Path:
        """Return the file that holds the blob's bytes; for reading only. Raises BlobNotFound, InvalidKey."""


class KeepsOnDisk:
    """Blobs on disks of this machine: a read that fails while ``ping`` succeeds has met bytes that are gone.

    Nothing is said of stores behind a network, where one request may fail and the next one succeed.
    """


class SupportsColdReads(ABC):
    """Readings that prove what is stored: bytes come from the medium, not from memory that holds them from before."""

    @abstractmethod
    def forget_cached(self, key: str) -> None:
        """Drop what memory holds of the blob's stored bytes, so that the next ``get`` reads them from the medium.

        Harmless for a blob that is not there. A store without this capability answers each ``get`` from its medium as
        far as its clients can tell. Raises InvalidKey.
        """


class SupportsWholeWrites(ABC):
    """One-call writes of a blob that is in memory and whose hash is known."""

    @abstractmethod
    def write_whole(
        self, key: str, data: bytes | bytearray | memoryview, *, sha256: str | None, content_type: str, now: int
    ) -> None:
        """Put the bytes on stable storage under the key; ``sha256`` is theirs, if it is known, and is not verified.

        Raises InvalidKey; raises BlobExists, and leaves what is there, when the key is taken.
        """


class SupportsReplacement(ABC):
    """Other bytes in the place of a blob, for an adapter over this one that stores the same content otherwise."""

    @abstractmethod
    def replacement(self, key: str, *, generation: str, content_type: str, now: int) -> BlobWriter:
        """Begin to write a blob that takes the place of exactly this one: readers meet the one or the other, whole.

        The new blob has a generation of its own. Raises InvalidKey; raises BlobNotFound, also from ``commit``, when
        the key does not hold this generation, and leaves what is there.
        """


class SupportsResealing(ABC):
    """Encryption of blobs that were stored before encryption was on."""

    @abstractmethod
    def reseal(self, limit: int, *, after: str, prefix: str = "") -> Resealed:
        """Encrypt the blobs in clear among the next ``limit`` blobs behind the key ``after``, in the order of a scan.

        Each keeps its generation and can be read all the time. Doing it again is harmless, and so is stopping at any
        point. Blobs whose bytes are not those of their description stay, and are named, and so do those that a working
        store cannot describe, read or exchange.
        """


class SupportsFreeSpace(ABC):
    """Free space of a store."""

    @abstractmethod
    def free_bytes(self) -> int:
        """Return how many bytes the store can still take; 0 when it can take no more blobs, of whatever size."""


class TwinWriter(BlobWriter):
    """Writer of a blob that another store has too."""

    @abstractmethod
    def commit_as(self, info: BlobInfo) -> None:
        """Put the bytes on stable storage under the description of the other copy: generation, checksums, time.

        Raises ChecksumMismatch when the number of bytes is another, BlobExists when the key is taken.
        """


class SupportsTwins(ABC):
    """Copies of blobs of another store, of which readers take the one for the other."""

    @property
    @abstractmethod
    def medium(self) -> str:
        """Name of what holds the bytes: blobs of two stores on one medium can be lost by one fault."""

    @abstractmethod
    def is_same(self, other: object) -> bool:
        """Return True when the other store keeps its blobs in the very same place."""

    @abstractmethod
    def twin_writer(self, key: str, *, content_type: str, now: int) -> TwinWriter:
        """Begin to write the copy of a blob, without checksums. Raises InvalidKey, BlobExists."""


class BlobCopy(NamedTuple):
    """One of the stores in which blobs are kept more than once, and the failure domain in which it stands."""

    domain: str
    store: BlobStore


class SupportsCopies(ABC):
    """Blobs that are kept more than once. A blob that is acknowledged has all its copies on stable storage."""

    @abstractmethod
    def copies(self) -> tuple[BlobCopy, ...]:
        """Return the stores of the copies, in which a blob has the same key and the same generation.

        Two copies with one failure domain can be lost by one fault. The stores are for reads: of a blob that has fewer
        copies, some say BlobNotFound. Raises StorageUnavailable.
        """


class SupportsCopyRepair(SupportsCopies):
    """Copies that are made anew by the caller. The stores of the copies also delete a bad one."""

    @abstractmethod
    def restore(self, key: str) -> int:
        """Make the copies of a blob that are missing or cut, from one that is whole; return how many were made.

        Raises BlobNotFound when no copy is there, InvalidKey.
        """
