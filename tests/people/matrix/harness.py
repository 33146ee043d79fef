"""A gateway with the callers of the matrix: it sends the requests of cells and notes what is wrong with the answers."""

from __future__ import annotations

import http.client
import re
from typing import Any

from storage_adapters import BlobStore, SupportsChanges
from tests.gateway.serving import Reply, Served
from tests.people.matrix.cells import NOWHERE, Request
from tests.people.matrix.oracle import Answer
from tests.people.matrix.world import CONTENT, NAME, Caller, Target, callers, target
from tests.waiting import PATIENCE_SECONDS

# Allowed: done, or in no state to be done.
DONE = (200, 201, 202, 204, 303, 409, 410, 412, 416)
_TELLING = (NAME.encode(), CONTENT, b'"size":')
_OF_BLOBS = ("writer", "put", "head", "get", "delete", "sign")


class Matrix:
    """A gateway with its callers, one connection to it, and what was found wrong."""

    def __init__(self, served: Served) -> None:
        self.served, self.core = served, served.core
        self.callers = callers(served)
        self.targets: dict[tuple[str, bool], Target] = {}
        self.connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_SECONDS)
        self.wrong: list[str] = []
        self.blob_calls: list[str] = []
        for name in _OF_BLOBS:
            self._watch(self.core.blobs, name)

    def _watch(self, blobs: BlobStore, name: str) -> None:
        """Note the calls of a method: bytes that are read for one of two equal answers would tell them apart."""
        real = getattr(blobs, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            self.blob_calls.append(name)
            return real(*args, **kwargs)

        setattr(blobs, name, noted)

    def target(self, state: str, *, shared: bool = False) -> Target:
        """A file in this state, and a share, that no request has changed."""
        if (state, shared) not in self.targets:
            self.targets[state, shared] = target(self.core, state, shared=shared)
        return self.targets[state, shared]

    def callers_in(self, state: str) -> list[Caller]:
        """All callers; tokens that hold no more in some states only, because they are refused before any file."""
        return [each for each in self.callers if not each.is_ended or state in ("private", "public", "pending")]

    def position(self) -> str:
        """The end of the change feed: it moves with every write of a file or document."""
        assert isinstance(self.core.metadata, SupportsChanges)
        return self.core.metadata.last_sequence()

    def send(self, request: Request) -> Reply:
        """Make a request."""
        self.connection.request(request.method, request.path, request.body, request.headers)
        response = self.connection.getresponse()
        return Reply(response.status, response.headers, response.read())

    def check(self, cell: str, request: Request, subject: Target, wanted: Answer) -> Reply:
        """Make the request of a cell and note what is wrong with the answer, or with what it changed."""
        before = self.position()
        self.blob_calls.clear()
        reply = self.send(request)
        changed = self.position() != before
        if wanted is Answer.DONE:
            self._note(cell, status_of(reply) in DONE, f"refused: {reply.status} {reply.body[:200]!r}")
        else:
            self._note(cell, not changed, "changed something")
            self._note(cell, not self.blob_calls, f"asked for bytes: {self.blob_calls}")
            self._note(cell, not tells(reply), f"tells of the file: {reply.body[:300]!r}")
            self._refused(cell, request, subject, wanted, reply)
        if changed:
            self.targets.clear()
        return reply

    def _refused(self, cell: str, request: Request, subject: Target, wanted: Answer, reply: Reply) -> None:
        if wanted is Answer.MISSING:
            there, nowhere = plain(reply, subject), plain(self.send(request.elsewhere(subject)), subject)
            self._note(cell, status_of(reply) in (401, 403, 404), f"not refused: {reply.status}")
            self._note(cell, there == nowhere, f"tells that it exists: {there} but {nowhere}")
        else:
            status = int(wanted.value)
            self._note(cell, status_of(reply) == status, f"{status_of(reply)} {reply.body[:200]!r}, not {status}")

    def report(self) -> None:
        """Fail with what was found wrong since the last time."""
        wrong, self.wrong = self.wrong, []
        assert wrong == [], "\n".join(["", *wrong])

    def _note(self, cell: str, right: bool, fault: str) -> None:
        if not right:
            self.wrong.append(f"{cell}: {fault}")


def status_of(reply: Reply) -> int:
    """The status, or that of the only item of an answer about several files."""
    found = re.search(rb'"ok":false,"error":\{"code":"(\w+)"', reply.body) if reply.status == 200 else None
    return {b"forbidden": 403, b"not_found": 404}.get(found[1], 400) if found else reply.status


def tells(reply: Reply) -> bool:
    """True for an answer with something of the file that its id does not tell."""
    headers = " ".join(reply.headers.values()).encode()
    if "Upload-Length" in reply.headers or any(each in headers for each in _TELLING):
        return True
    return any(each in reply.body for each in _TELLING)


def plain(reply: Reply, subject: Target) -> Any:
    """An answer without the ids and what each answer has anew."""
    body = re.sub(rb'"request_id":"[^"]*"|nonce="[^"]*"', b"", reply.body)
    for known in (subject.file_id, subject.share_id, *subject.ids.values()):
        body = body.replace(known.encode(), NOWHERE.encode())
    # The length tells nothing beside the body, but of an answer to HEAD.
    anew = ("Date", "X-Request-Id", "Content-Security-Policy", *(["Content-Length"] if body else []))
    return reply.status, body, sorted((k, v) for k, v in reply.headers.items() if k not in anew)
