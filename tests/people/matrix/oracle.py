"""The answer that the table expects of a cell."""

from __future__ import annotations

from enum import Enum

from tests.people.matrix.expectations import CLOSED_IN_TRASH, May
from tests.people.matrix.world import OWNER, TENANT, Caller, Target


class Answer(Enum):
    """Kinds of answers."""

    DONE = "done"
    UNKNOWN_CALLER = "401"
    FORBIDDEN = "403"
    GONE = "410"
    MISSING = "the answer about what never was"


def in_trash(row: str, target: Target, answer: Answer) -> Answer:
    """The answer to those who may, where the file is in the trash."""
    closed = target.state == "trashed" and row in CLOSED_IN_TRASH
    return Answer.GONE if closed and answer is Answer.DONE else answer


def may_read(target: Target, caller: Caller) -> bool:
    """True where the access of the file, or acting for its owner, lets the caller read."""
    if caller.acts or target.access in ("unlisted", "public"):
        return True
    return target.access == "shared" and caller.owner == "gus@acme"


def expected(may: May, target: Target, caller: Caller, scope: str) -> Answer:
    """The answer about what is the owner's, to a caller with a token; ``scope`` is what a key needs."""
    if not caller.is_known:
        return Answer.UNKNOWN_CALLER
    if not caller.may_use(scope):
        return Answer.FORBIDDEN
    if caller.is_bound:
        return Answer.FORBIDDEN if may in (May.FOR_OWNER, May.LISTERS) else Answer.MISSING
    if may is May.MAKERS:
        return Answer.DONE if caller.owner == OWNER or caller.is_system else Answer.MISSING
    reads = may in (May.READERS, May.SELECTORS)
    if caller.acts or may is May.LISTERS or (reads and may_read(target, caller)):
        return Answer.DONE
    if may in (May.HOLDERS, May.SELECTORS):
        return Answer.MISSING
    known = caller.tenant == TENANT or may is May.FOR_OWNER or may_read(target, caller)
    return Answer.FORBIDDEN if known else Answer.MISSING


def expected_of_reader(target: Target, caller: Caller, scope: str, *, page: bool) -> Answer:
    """The answer at addresses that also those without a token may read; a page takes other tokens for none."""
    if page and not (caller.is_session or caller.name.startswith("JWT")):
        return Answer.DONE if target.access in ("unlisted", "public") else Answer.MISSING
    if caller.token is None and may_read(target, caller):
        return Answer.DONE
    return expected(May.READERS, target, caller, scope)


def expected_of_people(may: May, caller: Caller, scope: str) -> Answer:
    """The answer about the people of the tenant."""
    if not caller.is_known:
        return Answer.UNKNOWN_CALLER
    if not caller.may_use(scope):
        return Answer.FORBIDDEN
    if may is May.SYSTEMS:
        return Answer.DONE if caller.is_system else Answer.FORBIDDEN
    if may is May.OPERATORS:
        return Answer.DONE if caller.operates else Answer.FORBIDDEN
    if may is May.MEMBERS:
        return Answer.DONE if caller.tenant == TENANT or caller.operates else Answer.MISSING
    if caller.manages:
        return Answer.FORBIDDEN if may is May.PERSONS and caller.scopes is not None else Answer.DONE
    return Answer.MISSING if caller.owner.startswith("ada@") else Answer.FORBIDDEN
