"""The consumer of the change feed that fills the inboxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress

from files_service.domain import inbox as rules
from files_service.domain.inbox import Inbox, News, NewsKind
from files_service.domain.notices import Notice, notices_of_session
from files_service.domain.shares import ShareEvent
from files_service.errors import Conflict
from files_service.services.accounts.quotas import quotas_of
from files_service.services.cards.session import SESSIONS, session_of
from files_service.services.following import Follower
from files_service.services.inbox.inbox import change_inbox
from files_service.services.shares.activity import EVENTS
from files_service.services.shares.share import Share, find_share
from storage_adapters import JSON, Change, Document, DocumentChange, FileStatus

CONSUMER = "inboxes"
BATCH = 200
_OF_FILES = {
    "processed": NewsKind.UPLOADED,
    "version_added": NewsKind.VERSION_ADDED,
    "failed": NewsKind.UPLOAD_FAILED,
    "expired": NewsKind.UPLOAD_EXPIRED,
    "trashed": NewsKind.TRASHED,
}
_OF_LINKS = {ShareEvent.DOWNLOADED: NewsKind.DOWNLOADED, ShareEvent.UPLOADED: NewsKind.RECEIVED}
_FACTS = ("session_id", "label", "camera", "files", "bytes", "failed", "verdict", "reasons")
# A file that is processed again long after its upload is no news.
_RECENT_MS = 24 * 3_600_000


class InboxFeed(Follower):
    """Reader of the feed; one process at a time."""

    consumer, batch = CONSUMER, BATCH
    missed = "the change feed was trimmed; inboxes miss what was in it"

    def begin(self) -> None:
        """See ``Follower``. What was before is no news for an inbox."""

    def tell(self, changes: Sequence[Change | DocumentChange]) -> None:
        """See ``Follower``."""
        news, links, weighed = defaultdict[str, list[News]](list), dict[str, Document](), set[str]()
        # What the trash held, and holds no more after this batch.
        back = defaultdict[str, dict[str, bool]](dict)
        for change in changes:
            if isinstance(change, Change):
                owner = change.record.owner
                weighed.add(owner)
                news[owner] += _news_of_file(change)
                if change.event in ("trashed", "restored", "removed", "expired"):
                    back[owner][change.file_id] = change.event != "trashed"
            elif change.document.deleted:
                continue
            elif change.document.collection == EVENTS:
                links[change.document.document_id] = change.document
            elif change.document.collection == SESSIONS:
                session = session_of(change.document).shown()
                for notice in notices_of_session(session, change.document.updated_at):
                    news[notice.owner].append(_news_of(notice))
        of_owner = defaultdict[str, list[tuple[Share, list[JSON]]]](list)
        for share_id, document in links.items():
            share = find_share(self._core, share_id)
            if share is not None:
                of_owner[share.owner].append((share, document.body["events"]))
        for owner in {*news, *of_owner}:
            gone = [file_id for file_id, is_back in back[owner].items() if is_back]
            self._write(owner, news[owner], of_owner[owner], gone, weigh=owner in weighed)

    def _write(
        self, owner: str, news: list[News], links: list[tuple[Share, list[JSON]]], gone: list[str], *, weigh: bool
    ) -> None:
        now = self._core.clock()
        quota = quotas_of(self._core, owner).owner if weigh else 0
        used = self._core.metadata.usage(owner).bytes if quota else 0

        def decide(before: Inbox) -> Inbox:
            # What visitors sent comes first: it is then no upload of the owner's.
            after = before
            for share, events in links:
                after = rules.tell(after, _news_of_link(share, events, after.links.get(share.share_id)))
                after = rules.note_link(after, share.share_id, max((each["at"] for each in events), default=0))
            after = rules.take_back(rules.tell(after, news), gone)
            return rules.note_usage(after, used, quota, now) if weigh else after

        # An inbox is a help for its owner: the feed goes on.
        with suppress(Conflict):
            change_inbox(self._core, owner, decide)


def _news_of_file(change: Change) -> Iterator[News]:
    record, kind = change.record, _OF_FILES.get(change.event or "")
    if kind is None or record.version_of is not None:
        return
    if kind is NewsKind.UPLOAD_EXPIRED and record.status is not FileStatus.PENDING:
        return  # it was temporary, or in the trash for its time
    if kind is NewsKind.UPLOADED and change.changed_at - (record.uploaded_at or record.created_at) > _RECENT_MS:
        return
    about = record.file_id if kind in (NewsKind.UPLOAD_FAILED, NewsKind.VERSION_ADDED) else ""
    of_revision = f"/{change.revision}" if kind in (NewsKind.TRASHED, NewsKind.VERSION_ADDED) else ""
    yield News(
        kind=kind,
        key=f"{kind}/{record.file_id}{of_revision}",
        at=change.changed_at,
        about=about,
        name=record.name,
        bytes=record.size,
        file_id=record.file_id,
    )


def _news_of_link(share: Share, events: Sequence[JSON], read_to: int | None) -> Iterator[News]:
    """Yield what visitors did since the events were read, of a link that is new here within the last day."""
    since = read_to if read_to is not None else max((each["at"] for each in events), default=0) - _RECENT_MS
    for event in events:
        kind = _OF_LINKS.get(ShareEvent(event["event"]))
        if kind is None or event["at"] < since:
            continue
        file_id = event.get("file_id")
        received = kind is NewsKind.RECEIVED
        yield News(
            kind=kind,
            key=rules.received_key(file_id) if received else f"{kind}/{share.share_id}/{event['at']}/{file_id}",
            at=event["at"],
            about=share.share_id,
            name=share.label or share.title or share.path or "",
            bytes=event.get("size", 0),
            file_id=file_id,
            facts={"share_id": share.share_id} | ({"sender": event["sender"]} if event.get("sender") else {}),
        )


def _news_of(notice: Notice) -> News:
    facts = {name: notice.facts[name] for name in _FACTS if name in notice.facts}
    name = notice.facts["label"] or notice.facts["camera"] or notice.facts["card_id"]
    return News(
        kind=NewsKind(notice.kind.value), key=notice.key, at=notice.at, about=notice.key, name=name, facts=facts
    )
