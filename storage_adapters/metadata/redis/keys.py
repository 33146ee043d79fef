"""Layout of the keys in Redis, and encodings of values as bytes that sort as the values do. No I/O.

1. All keys begin with one hash tag, ``{files}`` unless the URL says otherwise, so that a script may touch several of
   them in a cluster too (docs/adr/0010).
2. ``r:<file_id>`` is a string: the revision, a line feed, and the record; with ``x`` before the revision, its
   tombstone. An id is never used again, so both share a key.
3. A record is a JSON list of its values in the order of ``documents.RECORD_FIELDS``, null for a default and without
   the nulls at the end: names would take as much room as values. Fields that came after version 0.1 (see ``codec``)
   stand by name in an object: then the record is a list of two, that list and this object. So is a part.
4. ``i<field><scope>`` is an index, one of those of ``query.index_entries``: a file's place in the order of one field
   within one scope. Those by path, by captured time and duration, of the trash and of versions came after the first
   release, which has no file in any. Places sort by their
   bytes (all scores are 0), because 100 000 files may share one value and a page must still begin behind any of them
   at the price of a look-up; as scores, integers would be exact to 2^53 only.
5. A place is the value, then the file id. An integer is a byte that tells sign and length, then its bytes, big end
   first; text is its UTF-8 with NUL as ``00 FF`` and ``00 00`` behind it; a missing value is ``FF``, which is behind
   both. Places of one field are all integers or all texts.
6. An index is cut into sorted sets of at most ``CHUNK`` places, which Redis stores as one compact list each: about 45
   bytes a place, where a large sorted set takes 150. The first chunk has the key of the index. Another one is named
   after its lower bound: ``<index>=<bound>``; ``<index>/`` is the sorted set of these bounds. Empty chunks do not
   exist; the first one may be missing while others exist.
7. ``b<bucket>`` is an index of the same make of the file ids in a parity bucket; ``d`` is a hash of the buckets' sums:
   ``<bucket>f``, ``<bucket>h``, ``<bucket>l`` for files, high and low halves.
8. ``n<kind>:<owner>`` is a hash from names to file ids, ``u:<owner>`` (``u`` for everybody) one of counters: ``f`` or
   ``b`` for files or bytes, the letter of a dimension, the key. Those of trash and versions stand in ``w:<owner>`` and
   ``w``, where a release that does not know them does not look. ``waiting`` is a sorted set of claims on names that
   another file has: copies may come in an order in which two have one. A claim is ``<length>:<key of the names>``,
   ``<length>:<name>`` and the file id.
9. ``feed`` is a stream with ids ``0-<sequence>``, which Redis counts up from 1; ``checkpoints`` and ``leases`` are
   hashes; ``unclean`` is a sorted set of the ids of tombstones that still name blobs; ``layout`` is the number of this
   layout; ``journal`` is a hash of the documents of migrations, which belongs to no layout.
10. ``U:<upload_id>`` is a hash, the state of an upload. ``Uc:<upload_id>`` is the sorted set of its chunks by offset,
   members ``<offset>:<size>:<object_id>:<token>``. What has arrived is ``Us:<upload_id>``, the sorted set of the starts
   of ranges, and ``Ur:<upload_id>``, the hash from start to end. ``Uo:<owner>`` is the set of an owner's open uploads,
   ``Ux`` the sorted set of all open ones by expiry, ``Ud`` the set of those being deleted.
11. ``P:<domain>`` is a hash from object ids to places: ``<token> <how many chunks name it> <stored> <unused since>``.
   ``Pu`` is the sorted set by that time of the places that nothing names, members ``<object_id><domain>``; ``Px`` is
   the hash from garbage tokens to such members.
12. ``D<collection>:<document_id>`` is a document or its tombstone as canonical JSON. ``DO:<collection>`` is the sorted
   set of places by order key, as in rule 5 but in one piece, ``DN:<collection>`` that of names, members
   ``<length of the name>:<name><document_id>``. ``DB<bucket>`` is the sorted set of the documents in a parity bucket,
   ``DS`` the hash of its sums; ``DX`` has documents by the time they expire, ``DT`` tombstones by the time they are
   forgotten. Members of these are keys from ``<collection>`` on. In the feed a document is an entry with ``k`` alone.
13. Nothing has a time to live: Redis must not evict.
"""

from __future__ import annotations

from storage_adapters.query import Scope, SortValue

LAYOUT = b"1"
CHUNK = 128
MISSING = b"\xff"

FIELD_NUMBERS = {
    "created_at": 1,
    "uploaded_at": 2,
    "processed_at": 3,
    "expires_at": 4,
    "name": 5,
    "size": 6,
    "path": 7,
    "trashed_at": 8,
    "captured_at": 9,
    "media.duration_ms": 10,
}
TEXT_FIELDS = frozenset({"name", "path"})
NAME_KINDS = {"request_id": b"r", "alias": b"a", "path": b"p"}
DIMENSIONS = {"total": b"t", "access": b"a", "content_type": b"c", "status": b"s", "trash": b"x", "versions": b"v"}

_SCOPE_LETTERS = {
    "all": b"a",
    "owner": b"o",
    "owner-tag": b"t",
    "public": b"p",
    "public-tag": b"q",
    "status": b"s",
    "trash": b"x",
    "owner-trash": b"y",
    "versions": b"v",
    "owner-versions": b"w",
}


class Keys:
    """The names of all keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        tag = b"{" + prefix.encode() + b"}"
        self.record_prefix = tag + b"r:"
        self.feed = tag + b"feed"
        self.digest = tag + b"d"
        self.unclean = tag + b"unclean"
        self.waiting = tag + b"waiting"
        self.checkpoints = tag + b"checkpoints"
        self.leases = tag + b"leases"
        self.expiries = tag + b"Ux"
        self.deleting = tag + b"Ud"
        self.unused = tag + b"Pu"
        self.garbage = tag + b"Px"
        self.layout = tag + b"layout"
        self.journal = tag + b"journal"
        self.document_prefix = tag + b"D"
        self.document_sums = tag + b"DS"
        self.expiring_documents = tag + b"DX"
        self.document_tombstones = tag + b"DT"
        self.tag = tag

    def record(self, file_id: str) -> bytes:
        """Return the key of a file's record or tombstone."""
        return self.record_prefix + file_id.encode()

    def index(self, scope: Scope, field: str) -> bytes:
        """Return the key of the order of one field within one scope."""
        return b"%bi%d%b" % (self.tag, FIELD_NUMBERS[field], scope_key(scope))

    def bucket(self, number: int) -> bytes:
        """Return the key of the ids of the files in a parity bucket."""
        return self.tag + b"b%d" % number

    def names(self, kind: str, owner: str) -> bytes:
        """Return the key of an owner's names of one kind."""
        return self.tag + b"n" + NAME_KINDS[kind] + b":" + owner.encode()

    def usage(self, owner: str | None, dimension: str = "total") -> bytes:
        """Return the key of the counters of one owner, or of everybody, that has those of a dimension."""
        key = self.tag + (b"w" if dimension in ("trash", "versions") else b"u")
        return key if owner is None else key + b":" + owner.encode()

    def usages(self, owner: str | None) -> list[bytes]:
        """Return the keys of all counters of one owner, or of everybody."""
        return [self.usage(owner), self.usage(owner, "trash")]

    def document(self, key: tuple[str, str]) -> bytes:
        """Return the key of a document or its tombstone; no collection has a colon in its name."""
        return self.document_prefix + ":".join(key).encode()

    def document_bucket(self, number: int) -> bytes:
        """Return the key of the documents in a parity bucket."""
        return self.tag + b"DB%d" % number

    def document_order(self, collection: str) -> bytes:
        """Return the key of a collection in its order."""
        return self.tag + b"DO:" + collection.encode()

    def document_names(self, collection: str) -> bytes:
        """Return the key of the names of a collection."""
        return self.tag + b"DN:" + collection.encode()

    def upload(self, upload_id: str) -> bytes:
        """Return the key of an upload's state."""
        return self.tag + b"U:" + upload_id.encode()

    def upload_chunks(self, upload_id: str) -> bytes:
        """Return the key of an upload's chunks."""
        return self.tag + b"Uc:" + upload_id.encode()

    def upload_starts(self, upload_id: str) -> bytes:
        """Return the key of the starts of the received ranges."""
        return self.tag + b"Us:" + upload_id.encode()

    def upload_ends(self, upload_id: str) -> bytes:
        """Return the key of the ends of the received ranges."""
        return self.tag + b"Ur:" + upload_id.encode()

    def open_uploads(self, owner: str) -> bytes:
        """Return the key of an owner's open uploads."""
        return self.tag + b"Uo:" + owner.encode()

    def places(self, domain: str) -> bytes:
        """Return the key of the places of a domain's chunks."""
        return self.tag + b"P:" + domain.encode()


def scope_key(scope: Scope) -> bytes:
    """Return the end of the keys of all indexes of one scope."""
    kind, *parts = scope
    return _SCOPE_LETTERS[kind] + b"".join([b"%d:%b" % (len(part), part) for part in map(str.encode, parts)])


def bounds_of(index: bytes) -> bytes:
    """Return the key of the lower bounds of the chunks behind the first one."""
    return index + b"/"


def text_in_places(text: str) -> bytes:
    """Return a text as it stands in places."""
    return text.encode().replace(b"\0", b"\0\xff")


def text_place(member: bytes) -> tuple[str, str]:
    """Return the text and the file id of a place by text."""
    text, _, file_id = member.partition(b"\0\0")
    return text.replace(b"\0\xff", b"\0").decode(errors="replace"), file_id.decode(errors="replace")


def place(value: SortValue, file_id: str) -> bytes:
    """Return the place of a file among all that have or miss a value of the same field."""
    if value is None:
        return MISSING + file_id.encode()
    if isinstance(value, str):
        return text_in_places(value) + b"\0\0" + file_id.encode()
    length = (abs(value).bit_length() + 7) // 8
    sign, rest = (-1, 256**length + value) if value < 0 else (1, value)
    return bytes([0x80 + sign * length]) + rest.to_bytes(length, "big") + file_id.encode()
