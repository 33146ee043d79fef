"""Traces of deleted accounts: links end at once, files and folders go after a while; in bounded steps of a sweep."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from dataclasses import replace

from files_service.core import Core
from files_service.domain.uploads import owner_segment
from files_service.services.accounts import deletion, documents
from files_service.services.accounts.account import account_by_id
from files_service.services.accounts.deletion import DELETIONS, KEPT_MS
from files_service.services.cards.erasure import erase_cards
from files_service.services.files import write_tombstone
from files_service.services.settled_time import settled_now
from files_service.services.shares.activity import EVENTS, NOTICES
from files_service.services.shares.ownership import revoke_share
from files_service.services.shares.share import SHARES, order_of, share_of_document
from storage_adapters import Document, DocumentQuery, FileRecord, ListQuery, RevisionConflict

logger = logging.getLogger(__name__)

BATCH = 100


def sweep_deletions(core: Core) -> Counter[str]:
    """Do a bounded part of what deletions of accounts have left to do; return the numbers.

    A deletion that fails keeps no other back. Raises its failure when there is nothing else to do.
    """
    counts: Counter[str] = Counter()
    failure: Exception | None = None
    query = DocumentQuery(collection=DELETIONS, end=deletion.order_of(core.clock() + 1), limit=BATCH)
    for plan in documents.documents_of(core).find_documents(query, now=core.clock()).documents:
        try:
            counts.update(_go_on(core, plan))
        except Exception as error:
            logger.warning("deletion of an account fails", exc_info=True, extra={"account": plan.document_id})
            failure = error
        if counts.total():
            return counts
    if failure is not None:
        raise failure
    return counts


def end_links(core: Core, owner: str) -> int:
    """Revoke all links of an owner; return how many were open."""
    shares = [share_of_document(each) for each in documents.walk(core, SHARES, order_of(owner))]
    open_ones = [each for each in shares if each.revoked_at is None]
    for share in open_ones:
        revoke_share(core, None, share.share_id)
    return len(open_ones)


def _go_on(core: Core, plan: Document) -> Counter[str]:
    account = account_by_id(core, plan.document_id)
    if account is not None and account.deleted_at is None:
        account = deletion.mark(core, plan)
    if account is None or not deletion.is_of(plan, account):
        # Undone, or replaced by a later plan.
        documents.delete(core, plan)
        return Counter()
    if not plan.body["ended"]:
        deletion.end_credentials(core, account)
        end_links(core, account.owner)
        due_at = plan.body["deleted_at"] + KEPT_MS
        with suppress(RevisionConflict):
            documents.put(core, replace(plan, body={**plan.body, "ended": True}, order=deletion.order_of(due_at)))
        return Counter(ended_accounts=1)
    if plan.body["deleted_at"] + KEPT_MS > settled_now(core) or deletion.erase(core, plan) is None:
        return Counter()
    removed = _remove_files(core, account.owner) or _remove_documents(core, account.owner)
    if removed:
        return Counter(erased=removed)
    documents.delete(core, plan)
    return Counter(erased_accounts=1)


def _remove_files(core: Core, owner: str) -> int:
    """Remove files of an owner in any state; return how many were looked at, 0 when only unreadable ones are left."""
    query = ListQuery(owner=owner, section=None, order_by="created_at", descending=False, limit=BATCH)
    while True:
        page = core.metadata.find(query)
        for record in page.records:
            _remove(core, record)
        if page.records or page.next_position is None:
            return len(page.records)
        query = replace(query, after=page.next_position)


def _remove(core: Core, record: FileRecord) -> None:
    # Changed meanwhile: the next step finds it again.
    with suppress(RevisionConflict):
        write_tombstone(core, record, event="removed", keep_blobs=False)


def _remove_documents(core: Core, owner: str) -> int:
    if erased := erase_cards(core, owner, BATCH):
        return erased
    prefix, found = f"{owner_segment(owner)}/", list[Document]()
    for collection in documents.OF_OWNERS:
        query = DocumentQuery(collection=collection, prefix=prefix, limit=BATCH)
        found += documents.documents_of(core).find_documents(query, now=core.clock()).documents
    for each in found:
        beside = (EVENTS, NOTICES) if each.collection == SHARES else ()
        kept = [documents.find(core, collection, each.document_id) for collection in beside]
        for document in (*(other for other in kept if other is not None), each):
            documents.delete(core, document)
    return len(found)
