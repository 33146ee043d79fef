"""Comparison of blobs with records, in both directions. Expensive: it reads every blob and record.

A blob is deleted only when its key is one that this service makes for a part or a chunk, no record, tombstone or
upload names it, and it is older than ``orphan_seconds`` and the lifetime of an upload. Everything else is only
reported.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from files_service.core import Core
from files_service.domain.chunking import is_passing, manifest_of, names_in_chunk_key
from files_service.domain.editing import MAX_META_DEPTH, depth_of
from files_service.domain.uploads import owner_segment
from files_service.domain.versions import is_lost
from files_service.errors import BadRequest, storage_errors_as_files_errors
from files_service.services.blob_claims import Claim, claim_on_part
from files_service.services.chunk_orphans import orphans_among, remember_domain
from files_service.services.content import sealed_upload
from files_service.services.reconcile_report import Report
from files_service.services.scrub.examination import Loss
from files_service.services.scrub.marks import clear_mark, find_mark, mark_lost
from files_service.services.scrub.reading import Reason
from files_service.services.scrub.repair import generation_of_whole
from files_service.services.settled_time import settled_now
from storage_adapters import BlobInfo, FileRecord, Part, StorageError, SupportsListing


class OrphanScan:
    """A bounded scan of the blobs or records of one owner or of all owners."""

    def __init__(self, core: Core, report: Report, *, owner: str | None, dry_run: bool) -> None:
        self._core, self._report, self._dry_run = core, report, dry_run
        self._prefix = f"{owner_segment(owner)}/" if owner is not None else ""
        kept = max(core.settings.orphan_seconds, core.settings.upload_ttl_seconds)
        self._remembered: set[str] = set()
        self._kept_since = settled_now(core) - kept * 1000

    def scan_blobs(self, after: str, limit: int) -> tuple[int, str | None]:
        """Scan blobs after a key for orphans; return the number scanned and the key to continue from."""
        blobs = self._core.blobs
        if not isinstance(blobs, SupportsListing):
            return 0, None
        with storage_errors_as_files_errors():
            found = blobs.scan(prefix=self._prefix, after=after, limit=limit)
            # A page may be short: a store leaves out what is deleted meanwhile. The last one is empty.
            end = found[-1].key if found else None
            damaged = blobs.unlisted(prefix=self._prefix, after=after, until=end)
        for info in damaged:
            with self._report.noting_errors(info.key):
                self._treat_damaged(info)
        chunks = [info for info in found if names_in_chunk_key(info.key) is not None]
        if chunks:
            with self._report.noting_errors(chunks[0].key):
                self._treat_chunks(chunks)
        for info in found:
            if names_in_chunk_key(info.key) is None:
                with self._report.noting_errors(info.key):
                    self._treat(info)
        return len(found), end

    def check_record(self, record: FileRecord) -> None:
        """Report the file when its meta is too deep to be shown, or bytes of a received part are missing or differ.

        A part whose bytes are lost is marked; the mark of a part that is whole is removed.
        """
        if depth_of(record.meta) > MAX_META_DEPTH:
            deep = [name for name, each in record.meta.items() if depth_of(each) >= MAX_META_DEPTH]
            message = f"meta is nested deeper than {MAX_META_DEPTH} levels: unset these keys by files.update"
            self._report.note(record.file_id, BadRequest(message, {"field": "meta", "keys": deep}))
        received = [part for part in record.stored_parts if part.received_at is not None]
        self._remember_domains(record, [part for part in received if manifest_of(part) is not None])
        if [part for part in received if part.bucket == self._core.blobs.bucket and self._is_lost(record, part)]:
            self._report.lost.append(record.file_id)

    def _remember_domains(self, record: FileRecord, parts: list[Part]) -> None:
        for upload in () if self._dry_run else (sealed_upload(self._core, part) for part in parts):
            if upload is not None and upload.domain not in self._remembered:
                self._remembered.add(upload.domain)
                remember_domain(self._core, upload.domain, record.file_id)

    def _is_lost(self, record: FileRecord, part: Part) -> bool:
        marked = is_lost(record, part)
        mark = find_mark(self._core, record, part) if marked else None
        generation = generation_of_whole(self._core, part, firm=mark.firm if mark else "")
        if generation is None:
            loss = Loss(reason=Reason.MISSING)
            return self._dry_run or mark is not None or mark_lost(self._core, record, part, loss)
        replaced = part.generation not in (None, generation)
        if not self._dry_run and (replaced or marked):
            clear_mark(self._core, record, part, generation=generation)
        return False

    def _treat(self, info: BlobInfo) -> None:
        match claim_on_part(self._core, info):
            case Claim.UNKNOWN:
                self._report.unnamed.append(info.key)
            case Claim.NONE:
                self._remove(info)

    def _treat_damaged(self, info: BlobInfo) -> None:
        """Treat a blob without a description; the hash of a chunk is that of its bytes, where they have one."""
        names = names_in_chunk_key(info.key)
        sha256 = self._hash_of(info.key) if names is not None and not is_passing(info.key) else ""
        if names is None:
            self._treat(info)
        elif sha256 and not sha256.startswith(names[1]):
            self._report.unnamed.append(info.key)
        else:
            self._treat_chunks([replace(info, sha256=sha256)])

    def _hash_of(self, key: str) -> str:
        """Return the SHA-256 of a blob, or what is none where its bytes cannot be read."""
        digest = hashlib.sha256()
        try:
            for piece in self._core.blobs.get(key):
                digest.update(piece)
        except StorageError:
            return "unreadable"
        return digest.hexdigest()

    def _treat_chunks(self, chunks: list[BlobInfo]) -> None:
        orphans, unknown = orphans_among(self._core, chunks)
        for info in orphans:
            with self._report.noting_errors(info.key):
                self._remove(info)
        self._report.unnamed += [info.key for info in unknown]

    def _remove(self, info: BlobInfo) -> None:
        if info.created_at > self._kept_since:
            return
        if not self._dry_run:
            self._core.blobs.delete(info.key, generation=info.generation)
        self._report.orphans.append(info.key)
