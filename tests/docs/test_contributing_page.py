"""CONTRIBUTING.md: each of a newcomer's questions has one place, and the named symbol is there."""

from __future__ import annotations

import ast

import pytest

from tests.docs.pages import ROOT, links, plain, read, rows, section

QUESTIONS = rows(section(read("CONTRIBUTING.md"), "A newcomer's twelve questions"), "question", "file", "symbol")


def defined_in(body: list[ast.stmt], name: str) -> list[ast.stmt]:
    """The statements that define a name."""
    found = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        else:
            names = []
        found += [node] if name in names else []
    return found


def test_there_are_twelve_questions() -> None:
    assert len({row["question"] for row in QUESTIONS}) == len(QUESTIONS) == 12
    assert all(row["question"].endswith("?") for row in QUESTIONS)


@pytest.mark.parametrize("row", QUESTIONS, ids=lambda row: row["question"])
def test_a_question_leads_to_one_file_that_defines_the_symbol(row: dict[str, str]) -> None:
    [link] = links(row["file"])
    outer, _, inner = plain(row["symbol"]).partition(".")
    found = defined_in(ast.parse((ROOT / link).read_text()).body, outer)
    if inner:
        [owner] = found
        assert isinstance(owner, ast.ClassDef)
        found = defined_in(owner.body, inner)
    assert len(found) == 1, f"{link} does not define {plain(row['symbol'])}"
