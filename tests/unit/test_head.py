"""files.head."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from tests.cores import call, pending_file, processed_file, refusal


def test_aliases_are_answered_in_order_with_null_for_nobody(core: Core) -> None:
    one, two = pending_file(core, alias="a")["file_id"], processed_file(core, alias="b")["file_id"]
    processed_file(core, owner="bob", alias="c")
    answer = call(core, "files.head", owner="ann", aliases=["b", "c", "a", "b"], actor="ann")
    assert answer == {"file_ids": [two, None, one, two]}


def test_an_owner_without_files_is_no_error(core: Core) -> None:
    assert call(core, "files.head", owner="zoe", aliases=["a"]) == {"file_ids": [None]}


@pytest.mark.parametrize(
    ("aliases", "field"),
    [([], "aliases"), (["a"] * 101, "aliases"), ("a", "aliases"), ([1], "aliases.0"), (["a", ""], "aliases.1")],
)
def test_wrong_aliases_are_refused(core: Core, aliases: Any, field: str) -> None:
    error = refusal(core, "files.head", owner="ann", aliases=aliases)
    assert set(error.details["fields"]) == {field}
