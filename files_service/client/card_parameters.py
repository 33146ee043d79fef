"""Parameters of the calls about cards, for type checkers; docs/card-sessions.md lists the defaults."""

from __future__ import annotations

from typing import Literal, Required, TypedDict


class ActorParams(TypedDict, total=False):
    """Parameters shared by all calls."""

    actor: str | None


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


class InsertedParams(ActorParams, total=False):
    """cards.inserted."""

    owner: Required[str]
    card: Required[CardFields]
    host: str
    listing_sha256: str | None


class PermitParams(ActorParams, total=False):
    """cards.permit."""

    owner: Required[str]
    card_id: Required[str]
    state: Required[Literal["allowed", "ignored", "unknown"]]


class ListParams(ActorParams, total=False):
    """cards.list, cards.sessions."""

    owner: Required[str]
    limit: int
    cursor: str | None


class BeginParams(ActorParams, total=False):
    """cards.begin."""

    owner: Required[str]
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


class AddParams(ActorParams, total=False):
    """cards.add."""

    session_id: Required[str]
    files: Required[list[EntryFields]]


class SecondReadFields(TypedDict, total=False):
    """The second reading of the card."""

    finished_at: Required[int]
    files: Required[int]
    bytes: Required[int]
    differing: list[str]
    full: Required[bool]


class ProgressParams(ActorParams, total=False):
    """cards.progress."""

    session_id: Required[str]
    state: Literal["copying", "interrupted", "uploaded"] | None
    bytes_done: int | None
    new_bytes: int | None
    second_read: SecondReadFields | None
    listing_sha256: str | None


class SessionParams(ActorParams, total=False):
    """cards.session, cards.verify, cards.receipt."""

    session_id: Required[str]


class ManifestParams(SessionParams, total=False):
    """cards.manifest."""

    generation: int


class FilesParams(ActorParams, total=False):
    """cards.files."""

    session_id: Required[str]
    limit: int
    cursor: str | None


class KnownItem(TypedDict):
    """A file on a card, by what a short look tells."""

    path: str
    size: int
    fast_key: str


class KnownParams(ActorParams, total=False):
    """files.known."""

    owner: Required[str]
    files: Required[list[KnownItem]]
