"""Parameters of the calls about cards, for type checkers; docs/card-sessions.md lists the defaults."""

from __future__ import annotations

from typing import Literal, Required, TypedDict

from files_service.client.parameters import ActorParams, OwnerParams


class CardFields(TypedDict, total=False):
    """A card as its reader describes it."""

    card_id: Required[str]
    fs_uuid: str
    fs_type: str
    size_bytes: int
    label: str
    camera: str
    serial: str
    layout: str


class InsertedParams(OwnerParams, total=False):
    """cards.inserted."""

    card: Required[CardFields]
    host: str
    listing_sha256: str | None


class PermitParams(OwnerParams, total=False):
    """cards.permit."""

    card_id: Required[str]
    state: Required[Literal["allowed", "ignored", "unknown"]]


class BeginParams(OwnerParams, total=False):
    """cards.begin."""

    card_id: Required[str]
    request_id: Required[str]
    verify: Literal["card", "copies"]
    clock_offset_ms: int
    folder: str | None
    files: Required[int]
    bytes: Required[int]
    listing_sha256: str | None
    host: str


class EntryFields(TypedDict, total=False):
    """One file of a card, and what came of it."""

    path: Required[str]
    size: Required[int]
    mtime_at: Required[int]
    status: Required[Literal["uploaded", "known", "unreadable", "changed", "excluded", "missing"]]
    file_id: str | None
    sha256: str | None
    xxh64: str | None
    fast_key: str | None
    ranges: list[list[int]] | None
    reason: str


class SessionParams(ActorParams, total=False):
    """cards.session, cards.verify, cards.receipt."""

    session_id: Required[str]


class AddParams(SessionParams, total=False):
    """cards.add."""

    files: Required[list[EntryFields]]


class SecondReadFields(TypedDict, total=False):
    """The second reading of the card."""

    finished_at: Required[int]
    files: Required[int]
    bytes: Required[int]
    differing: list[str]
    full: Required[bool]


class ProgressParams(SessionParams, total=False):
    """cards.progress."""

    state: Literal["copying", "interrupted", "uploaded"] | None
    bytes_done: int | None
    new_bytes: int | None
    second_read: SecondReadFields | None
    listing_sha256: str | None


class ManifestParams(SessionParams, total=False):
    """cards.manifest."""

    generation: int


class FilesParams(SessionParams, total=False):
    """cards.files."""

    limit: int
    cursor: str | None


class KnownItem(TypedDict):
    """A file on a card, by what a short look tells."""

    path: str
    size: int
    fast_key: str


class KnownParams(OwnerParams, total=False):
    """files.known."""

    files: Required[list[KnownItem]]
