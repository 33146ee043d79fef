"""The language of code and documents: openings of docstrings, and words that the project has retired.

CONTRIBUTING.md has the rules. A fault is shown as ``file:line: opening``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.language import (
    WORDS,
    Docstring,
    Fault,
    Kind,
    comments_of_lua,
    docstrings,
    opening_fault,
    retired_in_python,
    retired_in_text,
    shown,
    verbs_of,
)
from tests.docs.pages import ROOT

PACKAGES = ("benchmarks", "files_service", "migrations", "storage_adapters", "syncer")
PAGES = ("docs/*.md", "docker/*.md", "CONTRIBUTING.md", "README.md")
# Folders and files whose sentences are still to be mended. Empty it.
NOT_YET: tuple[str, ...] = ()
# Retired words that callers or stores see. They stay as they are: (file, or "" for any file, word) and why.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("files_service/services/listing/list_store.py", "resting"): "A reason of fallbacks in metrics.",
    ("files_service/services/listing/metrics.py", "resting"): "Part of the name of a metric.",
    ("files_service/worker/index_builder.py", "warming"): "The name of a lease in stores.",
    ("files_service/worker/run.py", "warming"): "The name of a loop in metrics and logs.",
    ("storage_adapters/metadata/couchdb/chunk_refs.py", "condemned"): "A field and a kind of stored documents.",
    ("storage_adapters/metadata/couchdb/documents.py", "buried"): "The first element of a key in a stored view.",
    ("storage_adapters/metadata/sqlite/schema.py", "condemned"): "The name of a table.",
    ("storage_adapters/metadata/sqlite/uploads.py", "condemned"): "The name of a table.",
}


def python_files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def is_due(path: Path) -> bool:
    name = shown(path, ROOT)
    return not any(name == each or name.startswith(f"{each}/") for each in NOT_YET)


def is_excepted(path: Path, word: str) -> bool:
    return ("", word) in EXCEPTIONS or (shown(path, ROOT), word) in EXCEPTIONS


def in_lines(faults: list[Fault]) -> str:
    return "\n" + "\n".join(map(str, faults))


def test_docstrings_open_with_a_verb_or_a_noun_phrase() -> None:
    files = [path for path in python_files() if is_due(path)]
    verbs = verbs_of(path.read_text() for path in files)
    faults = [
        Fault(shown(path, ROOT), docstring.line, fault)
        for path in files
        for docstring in docstrings(path.read_text())
        if (fault := opening_fault(docstring, verbs))
    ]
    assert len(verbs) > 50
    assert not faults, in_lines(faults)


def test_names_comments_and_texts_do_without_retired_words() -> None:
    faults = [
        Fault(shown(path, ROOT), line, f"{word!r} in {place}; write {WORDS.get(word, 'as in DEFINITIONS')}")
        for path in python_files()
        if is_due(path)
        for line, word, place in retired_in_python(path.read_text())
        if not is_excepted(path, word)
    ]
    assert not faults, in_lines(faults)


def test_comments_of_scripts_do_without_retired_words() -> None:
    # Not the views in couchdb/designs: a design document is named after its source, comments included, so that a
    # changed comment would have every database build the view again.
    scripts = sorted((ROOT / "storage_adapters").rglob("*.lua"))
    faults = [
        Fault(shown(path, ROOT), line, f"{word!r} in a comment; write {WORDS[word]}")
        for path in scripts
        for line, comment in comments_of_lua(path.read_text())
        for _, word in retired_in_text(comment)
    ]
    assert scripts
    assert not faults, in_lines(faults)


def test_documents_do_without_retired_words() -> None:
    pages = sorted(path for pattern in PAGES for path in ROOT.glob(pattern) if is_due(path))
    faults = [
        Fault(shown(path, ROOT), line + 1, f"{word!r}; write {WORDS[word]}")
        for path in pages
        for line, word in retired_in_text(path.read_text())
        if not is_excepted(path, word)
    ]
    assert len(pages) > 5
    assert not faults, in_lines(faults)


def test_what_is_still_to_be_mended_and_what_is_excepted_exists() -> None:
    assert [name for name in NOT_YET if not (ROOT / name).exists()] == []
    assert [name for name, _ in EXCEPTIONS if name and not (ROOT / name).exists()] == []
    assert all(reason.endswith(".") for reason in EXCEPTIONS.values())


VERBS = frozenset({"keep", "read", "return", "take", "carry"})


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("function", "Return the file."),
        ("function", "Process one file."),
        ("function", "See ``BlobStore``."),
        ("predicate", "Return True when it fits."),
        ("predicate", "Wait for the end; return False when interrupted."),
        ("class", "Keeper of files."),
        ("class", "Reads of one file."),
        ("class", "files.upload."),
        ("module", "``files up``: everything in one command."),
        ("module", "files.access: set the access."),
        ("property", "Number of files."),
    ],
)
def test_plain_openings_are_accepted(kind: Kind, text: str) -> None:
    assert opening_fault(Docstring(1, kind, text), VERBS) == ""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("function", "The file."),
        ("function", "Returns the file."),
        ("function", "Whether it fits."),
        ("function", "How many there are."),
        ("function", "What is missing of a range."),
        ("predicate", "Compare two records."),
        ("class", "Keeps files in a folder."),
        ("class", "What a store may raise."),
        ("class", "Carries calls to the service."),
        ("module", "Who may do what to a file."),
        ("module", "Reads files in batches."),
        ("property", "Whether nothing is wrong."),
        ("property", "Return the number of files."),
    ],
)
def test_other_openings_are_refused(kind: Kind, text: str) -> None:
    assert opening_fault(Docstring(1, kind, text), VERBS) != ""


def test_retired_words_are_found_in_names_texts_and_comments() -> None:
    source = (
        'class Inflow:\n    """Warming of views."""\n    def mine(self):  # dear\n        condemned_at = "a b desk"\n'
    )
    assert {word for _, word, _ in retired_in_python(source)} == {
        *("inflow", "warming", "mine", "dear", "condemned", "desk"),
    }
    assert list(retired_in_python("right = left.mine\nwarmth = x.condemned\n")) == []
