"""Keys of ms-files, and fields of its records. Names are without the prefix ``{ms-files}``."""

from __future__ import annotations

FILE = "files-data:"
PART = "upload-data:"
POST_ACTION = "files-post:"
ALIASES = "files-ptr-user:"
INDEX = "files-index"
PENDING_INDEX = "files-index-temp"
TAG_INDEX = "files-index-tags:"
TIME_INDEX = "files-index-uat"
REFERENCED = "files-index-referenced:"
CACHED_KEYS = "::fsort_temp_keys"
WATCH = "gce:"
# Report faults and leftovers of these; all others (caches, locks) have no use here.
KNOWN = (FILE, PART, POST_ACTION, ALIASES, INDEX, "files-list:", "dlock", ":dlock")
KNOWN_NAMES = ("version",)

DEFAULT_PREFIX = "ms-files"
UPLOAD_TTL_MS = 24 * 3_600 * 1_000

PENDING, UPLOADED, PROCESSED, PROCESSING, FAILED = "1", "2", "3", "4", "5"

# Fields that become record fields, or contribute to them.
MAPPED = frozenset(
    {
        *("uploadId", "owner", "name", "name_n", "alias", "tags", "status", "files", "parts", "contentLength"),
        *("startedAt", "uploadedAt", "uploaded", "bucket", "public", "direct", "unlisted", "temporary", "immutable"),
        *("parentId", "error", "error-count"),
    }
)
# Fields stored as JSON in the hash; meta holds their values.
JSON_META = frozenset(
    {
        *("export", "controlsData", "capabilities", "dimensions", "ar3dviewProps", "creationInfo", "playerSettings"),
        *("cycle", "nft", "references"),
    }
)
# Fields without effect in our service: kept in meta and reported.
WITHOUT_EQUIVALENT = {
    "export": "the export format is kept in meta; exports are not supported",
    "nft": "kept in meta; it has no effect",
    "references": "kept in meta; a referenced file can be removed",
    "hasReferences": "kept in meta; references are not followed",
    "isReferenced": "kept in meta; a referenced file can be removed",
}
PART_FIELDS = frozenset({"type", "filename", "bucket", "contentType", "contentLength", "md5Hash"})


def owner_of_index(name: str) -> str | None:
    """Return the owner of an index, None for an index of all owners."""
    rest = name.removeprefix(TIME_INDEX if name.startswith(TIME_INDEX) else INDEX)
    if not rest.startswith(":"):
        return None
    return rest[1:].removesuffix(":pub")
