"""docs/stores.md describes every scheme that the registry knows."""

from __future__ import annotations

from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest

from storage_adapters import BLOB_STORES, METADATA_STORES, SORT_FIELDS, BlobOptions, capabilities, open_blob_store
from storage_adapters.metadata.couchdb.records import file_document
from storage_adapters.metadata.sqlite.schema import STEPS
from tests.cores import memory_core, processed_file
from tests.docs.pages import plain, read, rows, section

PAGE = read("docs/stores.md")
REGISTERED = [("metadata", scheme, name) for scheme, name in METADATA_STORES.items()] + [
    ("blobs", scheme, name) for scheme, name in BLOB_STORES.items()
]


def adapter(name: str) -> Any:
    module, _, cls = name.partition(":")
    return getattr(import_module(module), cls)


def test_the_table_has_every_scheme_with_the_capabilities_of_its_class() -> None:
    documented = {
        (row["kind"], plain(row["scheme"])): row["capabilities"].split(", ")
        for row in rows(PAGE, "scheme", "kind", "capabilities")
    }
    assert documented == {
        (kind, scheme): capabilities(object.__new__(adapter(name))) for kind, scheme, name in REGISTERED
    }


@pytest.mark.parametrize(("kind", "scheme", "_name"), REGISTERED)
def test_every_store_has_a_section_with_url_features_and_limits(kind: str, scheme: str, _name: str) -> None:
    text = section(section(PAGE, kind.capitalize()), f"`{scheme}`")
    assert "*URL*: `" in text
    assert "*Features*: " in text


def test_every_capability_is_explained() -> None:
    named = {name for row in rows(PAGE, "scheme", "kind", "capabilities") for name in row["capabilities"].split(", ")}
    # A mirror has no scheme of its own.
    assert {row["capability"] for row in rows(PAGE, "capability", "purpose")} == named | {"copy repair"}


def test_the_tables_of_the_embedded_database_are_named() -> None:
    tables = {words.split()[0] for step in STEPS for words in step.split("CREATE TABLE ")[1:]}
    text = section(section(PAGE, "Metadata"), "`sqlite`")
    assert [name for name in sorted(tables) if f"`{name}`" not in text] == []


def test_the_local_blob_store_lays_out_its_folder_as_shown(tmp_path: Path) -> None:
    store = open_blob_store(f"file://{tmp_path}", BlobOptions(signing_key=b"k" * 32, public_url="http://localhost"))
    store.put("owner/file/p0", [b"bytes"], content_type="text/plain", now=1)
    content = tmp_path / "blobs" / "owner" / "file" / "p0.blob" / "content"
    assert content.stat().st_mode & 0o777 == 0o600
    assert content.parent.stat().st_mode & 0o777 == 0o700
    assert content.with_name("info.json").exists()
    assert len(list((tmp_path / "tmp").glob("*.lock"))) == 1
    store.close()


@pytest.mark.parametrize(
    ("access", "tags", "rows_per_view"),
    [("private", [], 2), ("private", ["a"], 3), ("public", [], 3), ("public", ["a"], 5)],
)
def test_the_rows_and_bytes_in_couchdb_are_those_of_the_page(
    tmp_path: Path, access: str, tags: list[str], rows_per_view: int
) -> None:
    with closing(memory_core(tmp_path)) as core:
        file_id = processed_file(core, name="IMG_20240503_142211.jpg", access=access, tags=tags)["file_id"]
        document = file_document(core.metadata.get(file_id), rev=None, change=None)
    index = document["index"]
    places = [index["places"][field] for field in SORT_FIELDS]
    listed = [orjson.dumps([[scope, *at, index["id"]], index["row"]]) for scope in index["scopes"] for at in places]
    assert (len(places), len(index["scopes"])) == (6, rows_per_view)
    assert sum(map(len, listed)) / len(listed) == pytest.approx(250, rel=0.1)
    assert len(orjson.dumps(document)) == pytest.approx(1_700, rel=0.1)
    assert "Each of the six list views has 2 rows for a file and 1 more for each tag;" in " ".join(PAGE.split())
