"""docs/ARCHITECTURE.md shows what the code is: the diagram of the life cycle, and the tree of packages."""

from __future__ import annotations

import re

import pytest

from files_service.domain.lifecycle import as_mermaid
from tests.docs.pages import ROOT, blocks, read, section

PAGE = read("docs/ARCHITECTURE.md")


def test_the_diagram_is_drawn_from_the_table() -> None:
    drawn = [block.text.strip() for block in blocks(section(PAGE, "The life of a file"), "mermaid")]
    assert drawn == [as_mermaid()]


def code_map() -> set[str]:
    """The paths of the tree, folders with a slash at their end."""
    [tree] = blocks(section(PAGE, "Code map"), "text")
    found, above = set(), [""]
    for line in tree.text.splitlines():
        name, meaning = line.split(maxsplit=1)
        assert meaning, f"{name} has no description"
        depth = (len(line) - len(line.lstrip())) // 2
        path = "".join(above[1 : depth + 1]) + name
        found.add(path)
        above[depth + 1 :] = [name]
    return found


def test_the_code_map_has_exactly_the_packages_of_the_project() -> None:
    roots = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"]
    packages = {f"{path.parent.relative_to(ROOT)}/" for root in roots for path in root.rglob("__init__.py")}
    assert {path for path in code_map() if path.endswith("/")} == packages


@pytest.mark.parametrize("folder", ["files_service", "storage_adapters"])
def test_the_code_map_has_exactly_the_modules_at_the_root_of_a_package(folder: str) -> None:
    modules = {f"{folder}/{path.name}" for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"}
    mapped = {path for path in code_map() if path.endswith(".py")}
    assert {path for path in mapped if path.startswith(f"{folder}/")} == modules
    assert [path for path in mapped if not (ROOT / path).exists()] == []


def test_every_folder_of_tests_is_described() -> None:
    folders = {f"`{path.parent.name}/`" for path in (ROOT / "tests").glob("*/__init__.py")}
    assert [name for name in sorted(folders) if name not in section(read("CONTRIBUTING.md"), "Tests")] == []


def test_decisions_have_the_form_of_a_record_and_fit_a_page() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text()
        headings = [line for line in text.splitlines() if line.startswith("## ")]
        assert headings == ["## Status", "## Context", "## Decision", "## Consequences"], path.name
        assert text.startswith(f"# {int(path.name[:4])}. ")
        assert len(text.splitlines()) <= 70, path.name


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("eventlet", r"files_service/(service|dependencies|messaging/rpc/\w+)\.py"),
        ("aiohttp", r"files_service/(gateway|nodes|ingest)/(\w+/)*\w+\.py"),
        ("aio_pika", r"files_service/(messaging/ingest/\w+|cli/ingest_worker)\.py"),
        ("os.environ", r"files_service/(config/loading|ingest/(config|volumes))\.py"),
    ],
)
def test_invariants_about_imports_hold(library: str, allowed: str) -> None:
    pattern = re.compile(rf"^\s*(from|import) {library}\b" if "." not in library else r"os\.(environ|getenv)", re.M)
    users = [path for path in (ROOT / "files_service").rglob("*.py") if pattern.search(path.read_text())]
    strangers = [
        str(path.relative_to(ROOT)) for path in users if not re.fullmatch(allowed, str(path.relative_to(ROOT)))
    ]
    assert users
    assert strangers == []
