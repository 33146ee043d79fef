"""Methods of cards: one typed method per API method."""

from __future__ import annotations

from typing import Unpack

from files_service.client import card_parameters as params
from files_service.client import card_results as results
from files_service.client.caller import Caller
from files_service.client.parameters import OwnerPageParams


class CardMethods(Caller):
    """Memory cards, and the sessions in which they are copied."""

    def inserted(self, **given: Unpack[params.InsertedParams]) -> results.Inserted:
        """Note that a card was inserted; return it with its last session."""
        return self._call("cards.inserted", given)

    def permit(self, **given: Unpack[params.PermitParams]) -> results.Card:
        """Allow or ignore a card, or make it unknown again."""
        return self._call("cards.permit", given)

    def list(self, **given: Unpack[OwnerPageParams]) -> results.CardPage:
        """Return one page of an owner's cards, the last inserted first."""
        return self._call("cards.list", given)

    def begin(self, **given: Unpack[params.BeginParams]) -> results.CardSession:
        """Begin a session of a card, or go on with the one that is not verified."""
        return self._call("cards.begin", given)

    def add(self, **given: Unpack[params.AddParams]) -> results.CardSession:
        """Tell what came of files of the card."""
        return self._call("cards.add", given)

    def progress(self, **given: Unpack[params.ProgressParams]) -> results.CardSession:
        """Tell the state of the copying, the second reading, or a new listing."""
        return self._call("cards.progress", given)

    def verify(self, **given: Unpack[params.SessionParams]) -> results.CardSession:
        """Begin to read all copies again; a worker does it and gives the verdict."""
        return self._call("cards.verify", given)

    def receipt(self, **given: Unpack[params.SessionParams]) -> results.SignedReceipt:
        """Return the signed receipt of the verdict."""
        return self._call("cards.receipt", given)

    def manifest(self, **given: Unpack[params.ManifestParams]) -> results.CardManifest:
        """Return the files of a session as a manifest of the ASC Media Hash List."""
        return self._call("cards.manifest", given)

    def session(self, **given: Unpack[params.SessionParams]) -> results.CardSession:
        """Return a session with its verdict."""
        return self._call("cards.session", given)

    def sessions(self, **given: Unpack[OwnerPageParams]) -> results.SessionPage:
        """Return one page of an owner's sessions, the newest first."""
        return self._call("cards.sessions", given)

    def files(self, **given: Unpack[params.FilesParams]) -> results.EntryPage:
        """Return one page of the files of a session, in the order of their paths."""
        return self._call("cards.files", given)


class KnownMethods(Caller):
    """Files that cards have brought."""

    def known(self, **given: Unpack[params.KnownParams]) -> results.KnownFiles:
        """Return for each file of a card the owner's file that a card brought before, or None, in order."""
        return self._call("files.known", given)
