"""Links lead somewhere, blocks are what they say, and nothing names a place on the author's machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import ROOT, all_pages, anchors, blocks, links, section

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in all_pages()]
MERMAID = ("stateDiagram-v2", "sequenceDiagram", "flowchart")


@pytest.mark.parametrize("page", PAGES)
def test_internal_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for target in links(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text()), target


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_in_the_language_that_they_name(page: Path) -> None:
    for block in blocks(page.read_text()):
        assert block.language, f"a block without a language: {block.text[:60]}"
        match block.language:
            case "json":
                json.loads(block.text)
            case "yaml":
                yaml.safe_load(block.text)
            case "python":
                compile(block.text, str(page), "exec")
            case "mermaid":
                assert block.text.split()[0] in MERMAID
                assert block.text.count("(") == block.text.count(")")
                assert block.text.count("[") == block.text.count("]")


@pytest.mark.parametrize("page", PAGES)
def test_fences_are_closed_and_lines_short(page: Path) -> None:
    text = page.read_text()
    assert text.count("```") % 2 == 0
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    long = [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|") and "http" not in line]
    assert long == []


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_folder_of_somebody_or_leaves_work_undone(page: Path) -> None:
    forbidden = re.compile(r"/home/\w|/Users/|\bTODO\b|\bFIXME\b|\bXXX\b|not written yet", re.I)
    assert forbidden.findall(page.read_text()) == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        waiting += [(page.parent / target.partition("#")[0]).resolve() for target in links(page.read_text())]
    assert [page.name for page in all_pages() if page not in seen] == []


def test_the_readme_lists_every_page_and_every_decision() -> None:
    listed = set(links(section((ROOT / "README.md").read_text(), "Documents")))
    there = {str(page.relative_to(ROOT)) for folder in ("docs", "docs/adr") for page in (ROOT / folder).glob("*.md")}
    assert there - listed == set()
