"""The keys of ms-files, and the fields of its records. Names are without the prefix ``{ms-files}``."""

from __future__ import annotations

FILE = "files-data:"
PART = "upload-data:"
POST_ACTION = "files-post:"
ALIASES = "files-ptr-user:"
INDEX = "files-index"
PUBLIC_INDEX = "files-index-pub"
PENDING_INDEX = "files-index-temp"
TAG_INDEX = "files-index-tags:"
TIME_INDEX = "files-index-uat"
REFERENCED = "files-index-referenced:"
CACHED_KEYS = "::fsort_temp_keys"
WATCH = "gce:"
# Of these, what is wrong or left over is told; the rest (caches, locks) is of no use elsewhere.
KNOWN = (FILE, PART, POST_ACTION, ALIASES, INDEX, "files-list:", "dlock", ":dlock")
KNOWN_NAMES = ("version",)

DEFAULT_PREFIX = "ms-files"
UPLOAD_TTL_MS = 24 * 3_600 * 1_000

PENDING, UPLOADED, PROCESSED, PROCESSING, FAILED = "1", "2", "3", "4", "5"

# What becomes a field of ours, or of what our fields are made.
MAPPED = frozenset(
    {
        *("uploadId", "owner", "name", "name_n", "alias", "tags", "status", "files", "parts", "contentLength"),
        *("startedAt", "uploadedAt", "uploaded", "bucket", "public", "direct", "unlisted", "temporary", "immutable"),
        *("parentId", "error", "error-count"),
    }
)
# Kept as JSON in a field of the hash; ours keep them in meta, as values.
JSON_META = frozenset(
    {
        *("export", "controlsData", "capabilities", "dimensions", "ar3dviewProps", "creationInfo", "playerSettings"),
        *("cycle", "nft", "references"),
    }
)
# What our service does not act upon, though the other did: kept in meta, and said in the report.
WITHOUT_EQUIVALENT = {
    "export": "the format of an export is kept in meta; nothing exports",
    "nft": "kept in meta; nothing acts on it",
    "references": "kept in meta; a referenced file can be removed",
    "hasReferences": "kept in meta; references are not followed",
    "isReferenced": "kept in meta; a referenced file can be removed",
}
PART_FIELDS = frozenset({"type", "filename", "bucket", "contentType", "contentLength", "md5Hash"})


def owner_of_index(name: str) -> str | None:
    """The owner whose set this is, None for one of everybody."""
    rest = name.removeprefix(TIME_INDEX if name.startswith(TIME_INDEX) else INDEX)
    if not rest.startswith(":"):
        return None
    return rest[1:].removesuffix(":pub")
