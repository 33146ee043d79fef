"""Parameters shared by several actions: parts, tags, meta, changes. Checks shape only; rules are in ``domain``."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson
from marshmallow import ValidationError, fields, validate, validates_schema

from files_service.api.action import ParamsSchema, file_id_field
from files_service.api.fields import OPTIONAL, Strict, StrictBoolean, choice, integer, several, string
from files_service.api.text import line, text
from files_service.domain import media_types
from files_service.domain.editing import MAX_META_BYTES, MAX_META_DEPTH, MAX_TAGS, depth_of
from files_service.domain.uploads import FILE_ID
from storage_adapters import Access, tag_form

MAX_TAG = 40
MAX_EXPIRES_SECONDS = 604_800
MAX_BATCH = 100
# The token of a write (file id and revision) or of a list (position in the change feed).
_NAMED_CHANGE = rf"({FILE_ID}:[0-9]{{1,16}}|@[ -~]{{0,200}})\Z"


def access_field(**arguments: Any) -> fields.Enum[Access]:
    """Make the field of an access level."""
    return choice(Access, "Who may read the file.", **arguments)


def file_ids_field(**arguments: Any) -> fields.List[str]:
    """Make the field of several file ids."""
    return several(file_id_field(required=False), f"1 to {MAX_BATCH} ids.", 1, MAX_BATCH, **arguments)


def tags_field(*, least: int = 0, **arguments: Any) -> fields.List[str]:
    """Make the field of a file's tags."""
    return several(
        fields.String(validate=check_tag),
        f"At most {MAX_TAGS} tags of 1 to {MAX_TAG} characters; stored in lower case.",
        least,
        MAX_TAGS,
        **arguments,
    )


def check_tag(tag: str) -> None:
    """Reject an invalid tag. Raises ValidationError."""
    line(1, 5 * MAX_TAG)(tag)
    # The stored form must be a valid tag too: lower-casing can make text longer.
    line(1, MAX_TAG)(tag_form(tag))
    if "," in tag:
        raise ValidationError("Must not contain a comma.")


def name_field(**arguments: Any) -> fields.String:
    """Make the field of a file's display name, which is never a path."""
    return string("Display name.", line(1, 255), **arguments)


def label_field(description: str, **arguments: Any) -> fields.String:
    """Make the field of a version's label."""
    if not arguments.get("required"):
        arguments["load_default"] = None
    return string(description, line(1, 100), allow_none=True, **arguments)


def alias_field(**arguments: Any) -> fields.String:
    """Make the field of an alias, unique per owner."""
    return string("Name that is unique among the owner's files.", line(1, 100), allow_none=True, **arguments)


def min_change_field() -> fields.String:
    """Make the field of a change token that the answer must include."""
    return string(
        "change_token of a write or a list; the answer includes that change.",
        validate.Regexp(_NAMED_CHANGE, error="Not a change token."),
        **OPTIONAL,
    )


def consistency_field() -> fields.String:
    """Make the field of the consistency level."""
    return string(
        "strong: read from the primary store.", validate.OneOf(("eventual", "strong")), load_default="eventual"
    )


def expires_field(default: int) -> fields.Integer:
    """Make the field of a signed URL's lifetime."""
    return integer("Seconds until the URLs expire, at most seven days.", 1, MAX_EXPIRES_SECONDS, load_default=default)


def flag(description: str, *, default: bool = False) -> fields.Boolean:
    """Make a field that accepts only true and false."""
    return StrictBoolean(load_default=default, metadata={"description": description})


class MetaField(fields.Dict):
    """A JSON object of limited size, with text in ``description`` and ``website``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        meta: dict[str, Any] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        _check_size(len(_encode(meta)))
        if depth_of(meta) > MAX_META_DEPTH:
            raise ValidationError(f"Must be nested at most {MAX_META_DEPTH} levels deep.")
        for name, check in (("description", text(0, 20_000)), ("website", _website)):
            if meta.get(name) is not None:
                if not isinstance(meta[name], str):
                    raise ValidationError(f"{name} must be text.")
                check(meta[name])
        return meta


def _encode(meta: dict[str, Any]) -> bytes:
    try:
        encoded = orjson.dumps(meta)
    except orjson.JSONEncodeError:
        raise ValidationError("Must be JSON: text keys, Unicode text, numbers of at most 64 bits.") from None
    # Values that do not survive a round trip are not JSON: orjson turns infinity and NaN into null.
    if orjson.loads(encoded) != meta:
        raise ValidationError("Must be JSON with finite numbers.")
    return encoded


def _check_size(size: int) -> None:
    if size > MAX_META_BYTES:
        raise ValidationError(f"Must be at most {MAX_META_BYTES} bytes of JSON; it is {size}.")


def _website(value: str) -> None:
    text(0, 2_000)(value)
    if value:
        web_address(value)


def web_address(value: str) -> None:
    """Reject text that is not an http or https URL. Raises ValidationError."""
    line(1, 2_000)(value)
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValidationError("Must be an http or https URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in value:
        raise ValidationError("Must be an http or https URL.")


def meta_field(**arguments: Any) -> MetaField:
    """Make the field of a file's meta."""
    return MetaField(metadata={"description": "A JSON object of at most 64 KiB and 100 levels."}, **arguments)


class LowerCase(fields.String):
    """Text that is stored and compared in lower case: checksums."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        given: str = super()._deserialize(value, attr, data, **kwargs)
        return given.lower()


class MediaType(fields.String):
    """A media type in the form that is stored."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return media_types.media_type(super()._deserialize(value, attr, data, **kwargs))


def request_id_field(description: str) -> fields.String:
    """Make the field of the idempotency key of calls that create a file."""
    return string(description, line(1, 100), **OPTIONAL)


def cursor_field(description: str) -> fields.String:
    """Make the field of a cursor."""
    return string(description, validate.Length(1, 6_000), **OPTIONAL)


def part_ids_field() -> fields.List[str]:
    """Make the field that selects parts."""
    return several(fields.String(validate=line(1, 40)), "Ids of the parts; absent: all.", 1, 100, **OPTIONAL)


def checksum_field(length: int) -> LowerCase:
    """Make the field of a checksum with ``length`` hex digits."""
    check = validate.Regexp(rf"[0-9a-f]{{{length}}}\Z", error=f"Must be {length} hexadecimal digits.")
    return LowerCase(load_default=None, allow_none=True, validate=check, metadata={"description": "Checksum, hex."})


def content_type_field(description: str, **arguments: Any) -> MediaType:
    """Make the field of a media type."""
    check = validate.Regexp(media_types.PATTERN, error="Must be a media type, such as video/mp4.")
    return MediaType(validate=check, metadata={"description": description}, **arguments)


class PartParams(Strict):
    """Declaration of one part."""

    type = string(
        "Role of the part: file, preview, texture, …",
        validate.Regexp(r"[A-Za-z0-9._-]{1,40}\Z", error="Must be 1 to 40 of A-Z a-z 0-9 . _ -"),
        load_default="file",
    )
    content_type = content_type_field("Media type (RFC 9110, section 8.3.1).", load_default=media_types.UNKNOWN_TYPE)
    size = integer("Size in bytes.", required=True)
    md5 = checksum_field(32)
    crc32c = checksum_field(8)
    sha256 = checksum_field(64)


def _only_true(value: bool) -> None:  # noqa: FBT001 - marshmallow calls validators so
    if not value:
        raise ValidationError("Can be set to true; cannot be unset.")


class Changes(Strict):
    """Changes of an edit. Null unsets a field; meta is merged key by key."""

    name = name_field()
    alias = alias_field()
    tags = tags_field(allow_none=True)
    meta = meta_field(allow_none=True)
    content_type = content_type_field("Media type of the file.")
    grantees = several(
        fields.String(validate=line(1, 78)),
        "Other users who may read the file while its access is shared; at most 100.",
        0,
        100,
        allow_none=True,
    )
    immutable = StrictBoolean(
        validate=_only_true,
        metadata={"description": "True makes the file immutable: only its access may change afterwards."},
    )

    @validates_schema
    def not_empty(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Reject an edit without changes."""
        if not data:
            raise ValidationError("Name at least one change.")


class PostAction(Strict):
    """Changes to apply when the file is processed."""

    update = fields.Nested(Changes, required=True, metadata={"description": "Changes as in files.update."})


class OneOrManyParams(ParamsSchema):
    """Parameters of a call about one file, or several."""

    file_id = file_id_field(required=False)
    file_ids = file_ids_field()

    @validates_schema
    def one_or_many(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Require either file_id or file_ids."""
        if ("file_id" in data) is ("file_ids" in data):
            raise ValidationError("Give file_id, or file_ids.", "file_id")
