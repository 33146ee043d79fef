"""Parameters that several actions take: parts, tags, meta, the changes of an edit. Shape only; rules are in domain."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import orjson
from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from files_service.actions.base import text
from files_service.domain.editing import MAX_TAGS
from storage_adapters import Access

MAX_META_BYTES = 64 * 1024
MAX_EXPIRES_SECONDS = 604_800
MAX_BATCH = 100
_CONTENT_TYPE = r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(; ?charset=[A-Za-z0-9_.-]{1,40})?\Z"


def access_field(**arguments: Any) -> fields.Enum[Access]:
    """Make the field of an access level."""
    return fields.Enum(Access, by_value=True, metadata={"description": "Who may read the file."}, **arguments)


def tags_field(*, least: int = 0, **arguments: Any) -> fields.List[str]:
    """Make the field of a file's tags."""
    return fields.List(
        fields.String(validate=[text(1, 40), _no_comma]),
        validate=validate.Length(least, MAX_TAGS),
        metadata={"description": f"At most {MAX_TAGS} tags of 1 to 40 characters; kept in lower case."},
        **arguments,
    )


def _no_comma(tag: str) -> None:
    if "," in tag or not tag.strip():
        raise ValidationError("Must not be blank or contain a comma.")


def name_field(**arguments: Any) -> fields.String:
    """Make the field of a file's name: for people, never a path."""
    return fields.String(
        validate=[text(1, 255), _not_blank], metadata={"description": "The name that people see."}, **arguments
    )


def alias_field(**arguments: Any) -> fields.String:
    """Make the field of an alias, unique per owner."""
    return fields.String(
        allow_none=True,
        validate=[text(1, 100), _not_blank],
        metadata={"description": "A name that is unique among the owner's files."},
        **arguments,
    )


def _not_blank(value: str) -> None:
    if not value.strip():
        raise ValidationError("Must not be blank.")


def expires_field(default: int) -> fields.Integer:
    """Make the field of a signed URL's life."""
    return fields.Integer(
        strict=True,
        load_default=default,
        validate=validate.Range(1, MAX_EXPIRES_SECONDS),
        metadata={"description": "Seconds until the URLs expire, at most seven days."},
    )


def flag(description: str, *, default: bool = False) -> fields.Boolean:
    """Make a field that is true or false and nothing that looks like it."""
    return StrictBoolean(load_default=default, metadata={"description": description})


class StrictBoolean(fields.Boolean):
    """A boolean; "yes", 1 and their kin are errors."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Meta(fields.Dict):
    """A JSON object of limited size, whose ``description`` and ``website`` are text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        meta: dict[str, Any] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        try:
            size = len(orjson.dumps(meta))
        except orjson.JSONEncodeError:
            raise ValidationError("Must be a JSON object with text keys and numbers of at most 64 bits.") from None
        if size > MAX_META_BYTES:
            raise ValidationError(f"Must be at most {MAX_META_BYTES} bytes of JSON; it is {size}.")
        for name, check in (("description", text(0, 20_000)), ("website", _website)):
            if meta.get(name) is not None:
                if not isinstance(meta[name], str):
                    raise ValidationError(f"{name} must be text.")
                check(meta[name])
        return meta


def _website(value: str) -> None:
    text(0, 2_000)(value)
    if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
        raise ValidationError("website must be an http or https URL.")


def meta_field(**arguments: Any) -> Meta:
    """Make the field of a file's meta."""
    return Meta(metadata={"description": "A JSON object of at most 64 KiB."}, **arguments)


def checksum_field(length: int) -> fields.String:
    """Make the field of a declared checksum of so many hex digits."""
    check = validate.Regexp(rf"[0-9A-Fa-f]{{{length}}}\Z", error=f"Must be {length} hexadecimal digits.")
    return fields.String(
        load_default=None, allow_none=True, validate=check, metadata={"description": "Declared checksum, hex."}
    )


class PartParams(Schema):
    """What a caller declares of one part."""

    class Meta:
        """An unknown key is an error."""

        unknown = RAISE

    type = fields.String(
        load_default="file",
        validate=validate.Regexp(r"[A-Za-z0-9._-]{1,40}\Z", error="Must be 1 to 40 of A-Z a-z 0-9 . _ -"),
        metadata={"description": "What the part is to the file: file, preview, texture, …"},
    )
    content_type = fields.String(
        load_default="application/octet-stream",
        validate=validate.Regexp(_CONTENT_TYPE, error="Must be a media type, such as video/mp4."),
        metadata={"description": "Media type (RFC 9110, section 8.3.1)."},
    )
    size = fields.Integer(
        strict=True, required=True, validate=validate.Range(0, 2**53 - 1), metadata={"description": "Size in bytes."}
    )
    md5 = checksum_field(32)
    crc32c = checksum_field(8)
    sha256 = checksum_field(64)

    @post_load
    def lower(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Bring checksums and media type to lower case, in which they are compared."""
        for name in ("md5", "crc32c", "sha256", "content_type"):
            data[name] = data[name].lower() if data[name] else data[name]
        return data


def _only_true(value: bool) -> None:  # noqa: FBT001 - marshmallow calls validators so
    if not value:
        raise ValidationError("Can be set, never unset.")


class Changes(Schema):
    """The changes of an edit. Null unsets; meta is merged key by key."""

    class Meta:
        """An unknown key is an error."""

        unknown = RAISE

    name = name_field()
    alias = alias_field()
    tags = tags_field(allow_none=True)
    meta = meta_field(allow_none=True)
    content_type = fields.String(
        validate=validate.Regexp(_CONTENT_TYPE, error="Must be a media type, such as video/mp4."),
        metadata={"description": "Media type of the file."},
    )
    grantees = fields.List(
        fields.String(validate=text(1, 78)),
        allow_none=True,
        validate=validate.Length(0, 100),
        metadata={"description": "Who else may read the file while its access is shared; at most 100."},
    )
    immutable = fields.Boolean(
        validate=_only_true,
        metadata={"description": "True seals the file: only its access may change afterwards."},
    )

    @validates_schema
    def not_empty(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Refuse an edit that changes nothing."""
        if not data:
            raise ValidationError("Name at least one change.")


class PostAction(Schema):
    """What happens by itself once the file is processed."""

    class Meta:
        """An unknown key is an error."""

        unknown = RAISE

    update = fields.Nested(Changes, required=True, metadata={"description": "Changes as of files.update."})


def content_type_allowed(content_type: str, allowed: tuple[str, ...]) -> bool:
    """Whether the type is in the list, by itself or by its family (``image/*``); an empty list allows all."""
    plain = content_type.partition(";")[0].strip()
    return not allowed or plain in allowed or re.sub("/.*", "/*", plain) in allowed
