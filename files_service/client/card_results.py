"""Results of calls about cards, for type checkers. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any, Required, TypedDict


class Card(TypedDict):
    """A card that was inserted."""

    card_id: str
    owner: str
    state: str
    fs_uuid: str
    fs_type: str
    size_bytes: int
    label: str
    camera: str
    serial: str
    layout: str
    host: str
    first_seen_at: int
    seen_at: int
    session_id: str | None


class Tally(TypedDict):
    """Number and bytes of files."""

    files: int
    bytes: int


class Reason(TypedDict, total=False):
    """A reason against formatting the card."""

    code: Required[str]
    path: str
    detail: Required[str]


class Verdict(TypedDict):
    """The verdict on a card."""

    state: str
    reasons: list[Reason]
    more_reasons: int
    text: str
    copies: int
    verified_at: int


class SecondRead(TypedDict):
    """The second reading of the card."""

    finished_at: int
    files: int
    bytes: int
    differing: list[str]
    full: bool


class Verification(TypedDict):
    """Progress of the reading of all copies."""

    files_done: int
    bytes_done: int
    faults: int


class CardSession(TypedDict):
    """The copying of one card."""

    session_id: str
    owner: str
    card_id: str
    label: str
    camera: str
    host: str
    folder: str
    verify: str
    state: str
    clock_offset_ms: int
    files: int
    bytes: int
    files_done: int
    bytes_done: int
    known: int
    failed: int
    counts: dict[str, Tally]
    listing_sha256: str | None
    relisting_sha256: str | None
    second_read: SecondRead | None
    verdict: Verdict | None
    verification: Verification | None
    started_at: int
    updated_at: int


class Inserted(TypedDict):
    """cards.inserted."""

    card: Card
    session: CardSession | None


class CardManifest(TypedDict):
    """cards.manifest."""

    session_id: str
    generation: int
    manifest: str


class CardPage(TypedDict):
    """cards.list."""

    cards: list[Card]
    next_cursor: str | None


class SessionPage(TypedDict):
    """cards.sessions."""

    sessions: list[CardSession]
    next_cursor: str | None


class Entry(TypedDict):
    """One file of a card, and what came of it."""

    path: str
    size: int
    mtime_at: int
    status: str
    file_id: str | None
    sha256: str | None
    xxh64: str | None
    fast_key: str | None
    ranges: list[list[int]] | None
    reason: str
    clip: str
    chapter: int
    role: str


class EntryPage(TypedDict):
    """cards.files."""

    files: list[Entry]
    next_cursor: str | None


class KnownFile(TypedDict):
    """A file that a card brought before."""

    file_id: str
    mtime_at: int
    sha256: str | None
    xxh64: str | None


class KnownFiles(TypedDict):
    """files.known: in the order of the question."""

    files: list[KnownFile | None]


class SignedReceipt(TypedDict):
    """The receipt of a verdict, its signature and the public key of the service, both in base64."""

    receipt: dict[str, Any]
    signature: str
    key: str
