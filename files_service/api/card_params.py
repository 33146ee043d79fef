"""Parameters of cards.* and files.known."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from files_service.api.action import ParamsSchema, file_id_field, owner_field
from files_service.api.fields import OPTIONAL, Strict, StrictBoolean, choice, integer, several, string
from files_service.api.parameters import LowerCase
from files_service.api.text import line, text
from files_service.domain.cards import (
    CARD_ID,
    MAX_BATCH,
    MAX_DIFFERING,
    MAX_RANGES,
    CardState,
    EntryStatus,
    SessionState,
    Verify,
    fault_of_path,
)
from files_service.domain.listing import MAX_INTEGER

_TOLD = (SessionState.COPYING, SessionState.INTERRUPTED, SessionState.UPLOADED)
_LISTING = (
    "SHA-256 of the listing: `path NUL size NUL mtime_ms LF` for each file to be taken, in the order of the paths."
)
_PATH = "Path on the card, relative to its root."
_MTIME = "Time of the last change on the card, milliseconds since the epoch."


def _path_on_card(value: str) -> None:
    # A file may be called so.
    line(1, 1_024, may_be_blank=True)(value)
    fault = fault_of_path(value)
    if fault is not None:
        raise ValidationError(fault)


def _text(description: str, most: int = 100, **arguments: Any) -> fields.String:
    return string(description, text(0, most), load_default="", **arguments)


def _hash(digits: int, description: str, **arguments: Any) -> LowerCase:
    check = validate.Regexp(rf"[0-9a-f]{{{digits}}}\Z", error=f"Must be {digits} hexadecimal digits.")
    if not arguments.get("required"):
        arguments |= OPTIONAL
    return LowerCase(validate=check, metadata={"description": description}, **arguments)


def _path_field(**arguments: Any) -> fields.String:
    return string(_PATH, _path_on_card, required=True, **arguments)


def _card_id_field() -> fields.String:
    check = validate.Regexp(rf"{CARD_ID}\Z", error="Must be 1 to 128 of A-Z a-z 0-9 . _ : -")
    return string("Id of the card: its file system.", check, required=True)


def _cursor_field(most: int = 100) -> fields.String:
    return string("next_cursor of a page.", line(1, most), **OPTIONAL)


class CardFields(Strict):
    """A card as its reader describes it."""

    card_id = _card_id_field()
    fs_uuid = _text("UUID of the file system.")
    fs_type = _text("Type of the file system.", 40)
    size_bytes = integer("Size of the file system.", load_default=0)
    label = _text("Label of the file system.")
    camera = _text("Camera, if it is known.")
    serial = _text("Serial number of the camera, if it is known.")
    layout = _text("Structure of folders, if it is known.", 40)


class InsertedParams(ParamsSchema):
    """Parameters of cards.inserted."""

    owner = owner_field()
    card = fields.Nested(CardFields, required=True, metadata={"description": "The card."})
    host = _text("Machine that has the card.")
    listing_sha256 = _hash(64, _LISTING)


class CardParams(ParamsSchema):
    """Parameters about one card."""

    owner = owner_field()
    card_id = _card_id_field()


class PermitParams(CardParams):
    """Parameters of cards.permit."""

    state = choice(CardState, "`allowed`, `ignored` or `unknown`.", required=True)


class ListParams(ParamsSchema):
    """Parameters of cards.list and cards.sessions."""

    owner = owner_field()
    limit = integer("Size of the page.", 1, 100, load_default=20)
    cursor = _cursor_field()


class BeginParams(CardParams):
    """Parameters of cards.begin."""

    request_id = string(
        "Idempotency key: repeating the call with it returns the same session.", line(1, 100), required=True
    )
    verify = choice(
        Verify, "`card`: the card is read twice; `copies`: the copies alone are read again.", load_default=Verify.CARD
    )
    clock_offset_ms = integer("What is to be added to the camera's clock.", least=-MAX_INTEGER, load_default=0)
    folder = string("Folder of the files; null: one by the name of the card and the day.", line(1, 1_024), **OPTIONAL)
    files = integer("Number of files to take.", required=True)
    bytes = integer("Bytes of the files to take.", required=True)
    listing_sha256 = _hash(64, _LISTING)
    host = _text("Machine that has the card.")


class EntryFields(Strict):
    """One file of a card, and what came of it."""

    path = _path_field()
    size = integer("Size on the card.", required=True)
    mtime_at = integer(_MTIME, required=True, least=-MAX_INTEGER)
    status = choice(
        EntryStatus, "`uploaded`, `known`, `unreadable`, `changed`, `excluded` or `missing`.", required=True
    )
    file_id = file_id_field(required=False, load_default=None, allow_none=True, description="The file in the archive.")
    sha256 = _hash(64, "SHA-256 of the bytes on the card.")
    xxh64 = _hash(16, "xxh64 of the bytes on the card.")
    fast_key = _hash(16, "xxh64 of the first and the last 64 KiB.")
    ranges = several(
        fields.List(integer("Offset.", required=True), validate=validate.Length(2, 2)),
        f"Unreadable ranges, `[start, end]`, at most {MAX_RANGES}.",
        0,
        MAX_RANGES,
        **OPTIONAL,
    )
    reason = _text("Reason of the status; `junk` for what no listing has.", 200)


class SessionParams(ParamsSchema):
    """Parameters about one session."""

    session_id = string("Id of the session.", line(1, 64), required=True)


class AddParams(SessionParams):
    """Parameters of cards.add."""

    files = several(
        fields.Nested(EntryFields),
        f"1 to {MAX_BATCH} files; one of a path takes the place of an earlier one.",
        1,
        MAX_BATCH,
        required=True,
    )


class SecondReadFields(Strict):
    """The second reading of the card."""

    finished_at = integer("End of the reading.", required=True)
    files = integer("Number of files that were read again to their ends.", required=True)
    bytes = integer("Bytes that were read again.", required=True)
    differing = several(
        _path_field(),
        f"Paths of files that read differently, at most {MAX_DIFFERING}.",
        0,
        MAX_DIFFERING,
        load_default=list,
    )
    full = StrictBoolean(required=True, metadata={"description": "True when known files were read again, too."})


class ProgressParams(SessionParams):
    """Parameters of cards.progress."""

    state = choice(
        SessionState,
        "`copying`, `interrupted` or `uploaded`.",
        validate=validate.OneOf((*_TOLD, None), error="Must be copying, interrupted or uploaded."),
        **OPTIONAL,
    )
    bytes_done = integer("Bytes that are done, of known files too.", load_default=None, allow_none=True)
    new_bytes = integer(
        "Bytes of the files that are to be sent: refused when there is no room for them.",
        load_default=None,
        allow_none=True,
    )
    second_read = fields.Nested(
        SecondReadFields, load_default=None, allow_none=True, metadata={"description": "The second reading."}
    )
    listing_sha256 = _hash(64, f"{_LISTING} Of a listing after the copying.")


class ManifestParams(SessionParams):
    """Parameters of cards.manifest."""

    generation = integer("Generation of the tree whose manifest it becomes.", 1, 9_999, load_default=1)


class FilesParams(SessionParams):
    """Parameters of cards.files."""

    limit = integer("Size of the page.", 1, MAX_BATCH, load_default=100)
    cursor = _cursor_field(1_024)


class KnownItem(Strict):
    """A file on a card, by what a short look tells."""

    path = _path_field()
    size = integer("Size.", required=True)
    fast_key = _hash(16, "xxh64 of the first and the last 64 KiB.", required=True)


class KnownParams(ParamsSchema):
    """Parameters of files.known."""

    owner = owner_field()
    files = several(fields.Nested(KnownItem), f"1 to {MAX_BATCH} files.", 1, MAX_BATCH, required=True)
