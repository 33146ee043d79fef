"""The measured lists, as parameters of files.list and of the peer."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.filling import BIG_OWNER, CONTENT_TYPES, TAGS
from benchmarks.peers import fsort
from files_service.api import METHODS
from files_service.core import Core
from storage_adapters import JSON

PAGE = 20
DEEP_PAGE = 5_000
DEEP = "all files, deep page"
_NOTHING = "nothing has this"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One list; ``found`` is the number of files on its page at every size."""

    params: JSON
    peer: JSON
    found: int = PAGE


QUESTIONS: dict[str, Question] = {
    "owner": Question(params={"owner": BIG_OWNER}, peer=fsort.list_of(fsort.of_owner(BIG_OWNER))),
    "owner + tag + content type": Question(
        params={"owner": BIG_OWNER, "tags": [TAGS[0]], "filter": {"content_type": CONTENT_TYPES[0]}},
        peer=fsort.list_of(
            fsort.of_owner(BIG_OWNER), tags=[TAGS[0]], filters={"contentType": {"eq": CONTENT_TYPES[0]}}
        ),
    ),
    "public": Question(
        params={"access": "public", "actor": "stranger"},
        peer=fsort.list_of(fsort.PUBLIC),
    ),
    DEEP: Question(params={}, peer=fsort.list_of(fsort.ALL)),
    "unselective filter": Question(
        params={"filter": {"name": {"contains": _NOTHING}}},
        peer=fsort.list_of(fsort.ALL, filters={"name": _NOTHING}),
        found=0,
    ),
}


def questions_of(core: Core, files: int) -> dict[str, JSON]:
    """Return the parameters of each question for a store of this size; cursors lead to the deep page."""
    skipped, cursor = _deep_offset(files), None
    while skipped:
        limit = min(100, skipped)
        cursor = METHODS["files.list"]({"limit": limit, "cursor": cursor}, core)["next_cursor"]
        skipped -= limit
    questions = {name: question.params for name, question in QUESTIONS.items()}
    questions[DEEP] = {"cursor": cursor}
    for name, params in questions.items():
        found = len(METHODS["files.list"](params, core)["files"])
        if found != QUESTIONS[name].found:
            raise RuntimeError(f"{name} found {found} of {files:,} files")
    return questions


def peer_questions_of(files: int) -> dict[str, JSON]:
    """Return the questions for the peer, which pages by offset."""
    questions = {name: question.peer for name, question in QUESTIONS.items()}
    questions[DEEP] = {**questions[DEEP], "offset": _deep_offset(files)}
    return questions


def _deep_offset(files: int) -> int:
    """Return the number of files before the deep page, or before the last page of a smaller list."""
    return (min(DEEP_PAGE, files // PAGE) - 1) * PAGE
