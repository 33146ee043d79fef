"""cards.*: cards, their sessions, and the files of a session; files.known."""

from __future__ import annotations

from files_service.api.action import Params, action
from files_service.api.card_params import (
    AddParams,
    BeginParams,
    FilesParams,
    InsertedParams,
    KnownParams,
    ListParams,
    ManifestParams,
    PermitParams,
    ProgressParams,
    SessionParams,
)
from files_service.core import Core
from files_service.services.cards import asking, intake, proofs
from storage_adapters import JSON


@action("cards.inserted", InsertedParams)
def inserted(params: Params, core: Core) -> JSON:
    """Note that a card was inserted; return it with its last session."""
    host, listing = params["host"], params["listing_sha256"]
    return intake.inserted(core, params["actor"], params["owner"], params["card"], host=host, listing=listing)


@action("cards.permit", PermitParams)
def permit(params: Params, core: Core) -> JSON:
    """Allow or ignore a card, or make it unknown again."""
    return asking.permit(core, params["actor"], params["owner"], params["card_id"], params["state"])


@action("cards.list", ListParams)
def list_cards(params: Params, core: Core) -> JSON:
    """Return one page of an owner's cards, the last inserted first."""
    return asking.list_cards(core, params["actor"], params["owner"], limit=params["limit"], cursor=params["cursor"])


@action("cards.begin", BeginParams)
def begin(params: Params, core: Core) -> JSON:
    """Begin a session of a card, or go on with the one that is not verified."""
    return intake.begin(core, params["actor"], params["owner"], params["card_id"], params)


@action("cards.add", AddParams)
def add(params: Params, core: Core) -> JSON:
    """Tell what came of files of the card; a later telling of a path takes the place of an earlier one."""
    return intake.add(core, params["actor"], params["session_id"], params["files"])


@action("cards.progress", ProgressParams)
def progress(params: Params, core: Core) -> JSON:
    """Tell the state of the copying, the second reading, or a new listing."""
    return intake.progress(core, params["actor"], params["session_id"], params)


@action("cards.verify", SessionParams)
def verify(params: Params, core: Core) -> JSON:
    """Begin to read all copies again; a worker does it and gives the verdict."""
    return intake.verify(core, params["actor"], params["session_id"])


@action("cards.receipt", SessionParams)
def receipt(params: Params, core: Core) -> JSON:
    """Return the signed receipt of the verdict."""
    return proofs.receipt(core, params["actor"], params["session_id"])


@action("cards.manifest", ManifestParams)
def manifest(params: Params, core: Core) -> JSON:
    """Return the files of a session as a manifest of the ASC Media Hash List."""
    return proofs.whole_manifest(core, params["actor"], params["session_id"], generation=params["generation"])


@action("cards.session", SessionParams)
def session(params: Params, core: Core) -> JSON:
    """Return a session with its verdict."""
    return asking.session_info(core, params["actor"], params["session_id"])


@action("cards.sessions", ListParams)
def sessions(params: Params, core: Core) -> JSON:
    """Return one page of an owner's sessions, the newest first."""
    return asking.list_sessions(core, params["actor"], params["owner"], limit=params["limit"], after=params["cursor"])


@action("cards.files", FilesParams)
def files(params: Params, core: Core) -> JSON:
    """Return one page of the files of a session, in the order of their paths."""
    return asking.list_entries(
        core, params["actor"], params["session_id"], limit=params["limit"], after=params["cursor"]
    )


@action("files.known", KnownParams)
def known(params: Params, core: Core) -> JSON:
    """Return for each file of a card the owner's file that a card brought before, or null, in order."""
    return asking.known(core, params["actor"], params["owner"], params["files"])
