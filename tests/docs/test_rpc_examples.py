"""The examples of docs/rpc.md are one story, told in the order of the page; here it is played."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.api import METHODS
from files_service.core import Core
from storage_adapters import JSON
from tests.cores import call, memory_core
from tests.docs.pages import blocks, read, section
from tests.docs.test_rpc_page import OF_CARDS, PLACES

PAGE = read("docs/rpc.md")
NOW = 1_769_212_746_000
FILE_IDS = ("01KFN3R6S0000000000000000A", "01KFN3R6S0000000000000000B")
CONTENT = b"\x00\x00\x00\x18ftypmp4"
IN_PART = {"files.upload", "files.process", "files.info", "files.update", "files.clone", "files.timeline"} | {
    f"files.tag.{verb}" for verb in ("add", "remove", "sync")
}


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    workers = (f"01KFN3R6S0000000000000001{letter}" for letter in itertools.cycle("ABCDEFGH"))
    ids = itertools.chain(FILE_IDS[:1], itertools.islice(workers, 1), FILE_IDS[1:], workers)
    opened = memory_core(tmp_path)
    yield replace(opened, clock=lambda: NOW, new_id=lambda: next(ids))
    opened.close()


def examples() -> Iterator[tuple[str, JSON, JSON]]:
    """Method, params and result of each example, in the order of the page."""
    for title in re.findall(r"^## (files\..+)$", PAGE, re.M):
        texts = [block.text for block in blocks(section(PAGE, title), "json")]
        assert len(texts) == 2, f"{title} has no example of params and result"
        yield title, json.loads(texts[0]), json.loads(texts[1])


def test_every_method_has_an_example() -> None:
    assert {method for method, _, _ in examples()} == {
        name for name in METHODS if name.startswith("files.")
    } - PLACES - OF_CARDS


def test_the_examples_give_the_results_that_the_page_shows(core: Core) -> None:
    for method, params, shown in examples():
        result = call(core, method, **params)
        if method == "files.upload":
            core.blobs.put(result["parts"][0]["key"], [CONTENT], content_type="video/mp4", now=NOW)
        actual = {name: result[name] for name in shown} if method in IN_PART else result
        assert abridged(actual) == abridged(shown), method


def abridged(value: Any) -> Any:
    """The value with the unforeseeable ends of signed URLs cut off, as on the page."""
    text = re.sub(r"/blobs/[0-9a-f]+…?/", "/blobs/…/", json.dumps(value, ensure_ascii=False))
    return json.loads(re.sub(r"signature=[0-9a-f]+", "signature=…", text))
