"""The client's types say what the actions take and give."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Any

import pytest
from marshmallow import fields

from files_service.api import METHODS
from files_service.client import FilesClient, results
from files_service.client.accounts import AccountMethods
from files_service.client.analytics import AnalyticsMethods
from files_service.client.card_parameters import CardFields, EntryFields, KnownItem, SecondReadFields
from files_service.client.cards import CardMethods
from files_service.client.files import TagMethods
from files_service.client.folder_parameters import BulkItem
from files_service.client.folders import FolderMethods, JobMethods
from files_service.client.notices import NoticeMethods
from files_service.client.parameters import Changes, PartDeclaration
from files_service.client.share_parameters import ShareChanges
from files_service.client.shares import ShareMethods
from files_service.client.versions import VersionMethods
from files_service.errors import BadRequest
from tests.cores import call, memory_core, processed_file

OTHER = {"chunks", "close", "with_timeout"}


def client_methods() -> dict[str, Any]:
    found = {f"files.{name}": function for name, function in inspect.getmembers(FilesClient, inspect.isfunction)}
    found |= {f"files.tag.{name}": function for name, function in inspect.getmembers(TagMethods, inspect.isfunction)}
    found |= {f"accounts.{name}": function for name, function in inspect.getmembers(AccountMethods, inspect.isfunction)}
    found |= {f"shares.{name}": function for name, function in inspect.getmembers(ShareMethods, inspect.isfunction)}
    members = inspect.getmembers(AnalyticsMethods, inspect.isfunction)
    found |= {f"analytics.{name}": function for name, function in members}
    found |= {f"folders.{name}": function for name, function in inspect.getmembers(FolderMethods, inspect.isfunction)}
    found |= {f"jobs.{name}": function for name, function in inspect.getmembers(JobMethods, inspect.isfunction)}
    found |= {f"versions.{name}": function for name, function in inspect.getmembers(VersionMethods, inspect.isfunction)}
    found |= {f"cards.{name}": function for name, function in inspect.getmembers(CardMethods, inspect.isfunction)}
    found |= {f"notices.{name}": function for name, function in inspect.getmembers(NoticeMethods, inspect.isfunction)}
    return {name: function for name, function in found.items() if name.rpartition(".")[2][0] != "_"}


def parameters_of(function: Any) -> list[Any]:
    """The TypedDicts that describe the parameters; several where the method is overloaded."""
    hints = [typing.get_type_hints(each)["given"] for each in typing.get_overloads(function) or [function]]
    return [typing.get_args(hint)[0] for hint in hints]


def required_of(declared: Any) -> set[str]:
    """The keys that must be there; ``__required_keys__`` does not know them where annotations are text."""
    marks = {
        name: typing.get_origin(hint) for name, hint in typing.get_type_hints(declared, include_extras=True).items()
    }
    unmarked = {name for name, mark in marks.items() if mark not in (typing.Required, typing.NotRequired)}
    return {name for name, mark in marks.items() if mark is typing.Required} | (
        unmarked if declared.__total__ else set()
    )


def names_in(schema_fields: dict[str, fields.Field[Any]]) -> tuple[set[str], set[str]]:
    """All names on the wire, and the required ones."""
    names = {field.data_key or name: field.required for name, field in schema_fields.items()}
    return set(names), {name for name, required in names.items() if required}


def test_the_client_has_a_method_for_every_call() -> None:
    assert set(client_methods()) - {f"files.{name}" for name in OTHER} == set(METHODS)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_takes_what_its_action_takes(method: str) -> None:
    ways = parameters_of(client_methods()[method])
    names, required = names_in(METHODS[method].schema.fields)
    assert set().union(*(typing.get_type_hints(declared) for declared in ways)) == names
    assert set.intersection(*(required_of(declared) for declared in ways)) == required


def test_nested_parameters_are_declared_as_well() -> None:
    upload, update = METHODS["files.upload"].schema.fields, METHODS["files.update"].schema.fields
    part = upload["parts"].inner.schema  # type: ignore[attr-defined]
    changes = update["changes"].schema  # type: ignore[attr-defined]
    share = METHODS["shares.update"].schema.fields["changes"].schema  # type: ignore[attr-defined]
    item = METHODS["files.bulk"].schema.fields["items"].inner.schema  # type: ignore[attr-defined]
    pairs: list[tuple[type, Any]] = [
        *((PartDeclaration, part), (Changes, changes), (ShareChanges, share), (BulkItem, item)),
    ]
    for method, name, given in (
        ("cards.inserted", "card", CardFields),
        ("cards.add", "files", EntryFields),
        ("cards.progress", "second_read", SecondReadFields),
        ("files.known", "files", KnownItem),
    ):
        field: Any = METHODS[method].schema.fields[name]
        pairs.append((given, getattr(field, "inner", field).schema))
    for declared, schema in pairs:
        names, required = names_in(schema.fields)
        assert set(typing.get_type_hints(declared)) == names
        assert required_of(declared) == required


def test_results_have_the_declared_fields(tmp_path: Path) -> None:
    core = memory_core(tmp_path)
    record = processed_file(core, alias="home")
    file_id = record["file_id"]
    found = {
        results.File: call(core, "files.info", file_id=file_id),
        results.Part: call(core, "files.info", file_id=file_id)["parts"][0],
        results.Finished: call(core, "files.finish", file_id=file_id, part_id="p0"),
        results.FileIds: call(core, "files.head", owner="ann", aliases=["home"]),
        results.Download: call(core, "files.download", file_id=file_id),
        results.Page: call(core, "files.list", owner="ann"),
        results.Count: call(core, "files.count", owner="ann"),
        results.Outcomes: call(core, "files.access", file_ids=[file_id], access="public"),
        results.Outcome: call(core, "files.access", file_ids=[file_id], access="public")["files"][0],
        results.Removed: call(core, "files.remove", file_id=file_id),
    }
    for declared, actual in found.items():
        assert required_of(declared) <= set(actual), declared
    core.close()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "http://[::1", "http://a:65536", "amqp://a:b"])
def test_only_addresses_of_a_service_are_taken(url: str) -> None:
    with pytest.raises(BadRequest):
        FilesClient(url)
