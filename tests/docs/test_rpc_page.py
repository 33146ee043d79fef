"""docs/rpc.md says of every method what its schema says."""

from __future__ import annotations

import enum
import json
import re
from typing import Any

import pytest
from marshmallow import Schema, fields, missing

from files_service.api import METHODS
from files_service.api.bulk import BulkItem
from files_service.api.card_params import CardFields, EntryFields, KnownItem, SecondReadFields
from files_service.api.parameters import Changes, PartParams, PostAction
from files_service.api.share_policy import PolicyChanges
from files_service.api.shares import ShareChanges
from files_service.domain.accounts import Role
from files_service.domain.cards import CardState, EntryStatus, SessionState, Verify
from files_service.domain.notices import Kind
from files_service.domain.shares import ShareKind, ShareState
from files_service.errors import error_classes
from files_service.services.bulk import BulkAction
from files_service.services.free_paths import OnConflict
from files_service.services.jobs.whole_folders import FolderConflict
from storage_adapters import FIELDS, OPERATORS, SORT_FIELDS, FileRecord, Part, field_names
from storage_adapters.query import MEDIA_ORDERS
from tests.docs.pages import plain, read, rows, section

PAGE = read("docs/rpc.md")
PEOPLE = read("docs/accounts.md")
LINKS = read("docs/shares.md")
STORAGE = read("docs/analytics.md")
FOLDERS = read("docs/folders.md")
# Methods of files that the page of folders describes.
PLACES = {f"files.{name}" for name in ("move", "trash", "restore", "empty_trash", "bulk")}
# Those that the page of card sessions describes.
OF_CARDS = {"files.known"}
VERSIONS = read("docs/versions.md")
CARDS = read("docs/card-sessions.md")
NOTICES = read("docs/notices.md")
NESTED: dict[type[Schema], str] = {
    PartParams: "part",
    Changes: "changes",
    PostAction: "post action",
    ShareChanges: "changes",
    PolicyChanges: "rules",
    BulkItem: "item",
    CardFields: "card",
    EntryFields: "entry",
    SecondReadFields: "second reading",
    KnownItem: "item",
}
ENUMS: dict[Any, str] = {
    Role: "role",
    ShareKind: "kind",
    ShareState: "state",
    OnConflict: "conflict",
    FolderConflict: "folder conflict",
    BulkAction: "action",
    CardState: "card state",
    SessionState: "session state",
    EntryStatus: "status",
    Verify: "extent",
    Kind: "kind",
}
NAMED: dict[type[Any], str] = {
    fields.Enum: "access",
    fields.String: "text",
    fields.Integer: "integer",
    fields.Boolean: "boolean",
    fields.Dict: "object",
}


def page_of(method: str) -> str:
    """The page that describes a method."""
    if method in PLACES:
        return FOLDERS
    if method in OF_CARDS:
        return CARDS
    pages = {
        "accounts": PEOPLE,
        "shares": LINKS,
        "folders": FOLDERS,
        "jobs": FOLDERS,
        "analytics": STORAGE,
        "versions": VERSIONS,
        "cards": CARDS,
        "notices": NOTICES,
    }
    return pages.get(method.partition(".")[0], PAGE)


def type_of(field: fields.Field[Any]) -> str:
    if isinstance(field, fields.Enum) and field.enum in ENUMS:
        return ENUMS[field.enum]
    if isinstance(field, fields.List):
        return f"list of {type_of(field.inner)}"
    if isinstance(field, fields.Nested):
        return NESTED[type(field.schema)]
    return next(name for cls, name in NAMED.items() if isinstance(field, cls))


def default_of(field: fields.Field[Any]) -> str:
    if field.required:
        return "required"
    value = field.load_default() if callable(field.load_default) else field.load_default
    if value is missing:
        return "absent"
    return f"`{json.dumps(value.value if isinstance(value, enum.Enum) else value)}`"


def described(schema: Schema) -> dict[str, tuple[str, str]]:
    """Type and default of each parameter but ``actor``, which the page describes once for all methods."""
    return {
        field.data_key or name: (type_of(field), default_of(field))
        for name, field in schema.fields.items()
        if name != "actor"
    }


def table_of(method: str) -> dict[str, tuple[str, str]]:
    """The documented parameters of a method; one without any has no table."""
    text = section(page_of(method), method)
    return documented(text) if "|---" in text else {}


def documented(text: str) -> dict[str, tuple[str, str]]:
    table = rows(text, "name", "type", "default", "meaning")
    assert all(row["meaning"] for row in table)
    return {plain(row["name"]): (row["type"], row["default"]) for row in table}


@pytest.mark.parametrize("method", METHODS)
def test_every_parameter_is_documented_with_type_and_default(method: str) -> None:
    assert table_of(method) == described(METHODS[method].schema)


@pytest.mark.parametrize("method", METHODS)
def test_a_section_begins_with_the_summary_of_its_action(method: str) -> None:
    assert section(page_of(method), method).strip().startswith(METHODS[method].summary.replace("``", "`"))


@pytest.mark.parametrize(
    ("method", "title", "schema"),
    [
        ("files.upload", "A **part**:", PartParams()),
        ("files.upload", "A **post action**:", PostAction()),
        ("files.update", "**changes**:", Changes()),
        ("shares.update", "**changes**:", ShareChanges()),
        ("files.bulk", "An **item**", BulkItem()),
        ("cards.inserted", "A **card**:", CardFields()),
        ("cards.add", "An **entry**:", EntryFields()),
        ("cards.progress", "A **second reading**:", SecondReadFields()),
        ("files.known", "An **item**:", KnownItem()),
    ],
)
def test_nested_parameters_are_documented(method: str, title: str, schema: Schema) -> None:
    _, _, text = section(page_of(method), method).partition(title)
    assert documented(text) == described(schema)


def test_every_method_of_the_page_is_in_its_contents() -> None:
    contents, _, rest = PAGE.partition("## Calling")
    methods = re.findall(r"^## (files\.[a-z_.]+)$", rest, re.MULTILINE)
    assert len(methods) > 20
    assert [name for name in methods if f"](#{name.replace('.', '')})" not in contents] == []


def test_no_section_describes_a_method_that_does_not_exist() -> None:
    pages = (PAGE, PEOPLE, LINKS, FOLDERS, STORAGE, VERSIONS, CARDS, NOTICES)
    lines = [line for page in pages for line in page.splitlines()]
    groups = ("files", "accounts", "shares", "folders", "jobs", "analytics", "versions", "cards", "notices")
    titles = [line.removeprefix("## ") for line in lines if line.startswith(tuple(f"## {each}." for each in groups))]
    assert sorted(titles) == sorted(METHODS)


def test_every_method_takes_an_actor_as_the_page_says() -> None:
    assert "Every method takes `actor`" in section(PAGE, "Calling")
    assert all("actor" in action.schema.fields for action in METHODS.values())


@pytest.mark.parametrize("method", METHODS)
def test_the_errors_of_a_method_exist(method: str) -> None:
    _, _, text = section(page_of(method), method).partition("Errors:")
    paragraph = text.partition("\n\n")[0]
    codes = [word for word in paragraph.split("`")[1::2] if word.replace("_", "").isalpha() and word.islower()]
    known = set(error_classes()) | {name for action in METHODS.values() for name in described(action.schema)}
    assert set(codes) <= known


def test_every_field_of_the_record_is_documented() -> None:
    text = section(PAGE, "The record")
    names = {plain(name) for row in rows(text, "field") for name in row["field"].split(", ")}
    hidden = {"request_id", "post_action", "access_epoch", "urls_expire_at"}
    assert names == set(field_names(FileRecord)) - hidden | {"change_token"}
    assert all(f"`{name}`" in text for name in hidden)


def test_every_field_of_a_part_is_documented() -> None:
    table = rows(section(PAGE, "The record"), "field of a part")
    names = {plain(name) for row in table for name in row["field of a part"].split(", ")}
    assert names == set(field_names(Part))


def test_the_filterable_and_sortable_fields_are_those_of_the_stores() -> None:
    table = rows(section(PAGE, "Filters and order"), "field", "type", "sorts")
    assert {plain(row["field"]): row["type"] for row in table} == {name: kind.value for name, kind in FIELDS.items()}
    assert {plain(row["field"]) for row in table if row["sorts"] == "yes"} == set(SORT_FIELDS)
    assert {plain(row["field"]) for row in table if row["sorts"] == "of one owner"} == set(MEDIA_ORDERS)


def test_the_operators_are_those_of_the_stores() -> None:
    table = rows(section(PAGE, "Filters and order"), "type", "operators")
    documented_operators = {row["type"]: {plain(name) for name in row["operators"].split()} for row in table}
    assert documented_operators == {kind.value: set(names) for kind, names in OPERATORS.items()}
