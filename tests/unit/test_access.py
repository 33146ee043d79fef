"""Who may do what, pair by pair."""

from __future__ import annotations

import itertools

import pytest

from files_service.domain.access import (
    OWNER_ONLY,
    OWNER_ONLY_OF_PARTS,
    may_act_for,
    may_change,
    may_read,
    readable_without_signature,
    sees_only_public,
)
from storage_adapters import Access, FileRecord, Part
from tests.unit.records import record

ACTORS = {"system": None, "owner": "ann", "grantee": "gus", "stranger": "sam"}
READERS = {
    Access.PRIVATE: {"system", "owner"},
    Access.SHARED: {"system", "owner", "grantee"},
    Access.UNLISTED: {"system", "owner", "grantee", "stranger"},
    Access.PUBLIC: {"system", "owner", "grantee", "stranger"},
}


@pytest.mark.parametrize(("access", "actor"), list(itertools.product(Access, ACTORS)))
def test_reading_follows_the_table(access: Access, actor: str) -> None:
    assert may_read(record(access=access, grantees=("gus", "eve")), ACTORS[actor]) is (actor in READERS[access])


@pytest.mark.parametrize(("access", "actor"), list(itertools.product(Access, ACTORS)))
def test_only_owner_and_system_may_change(access: Access, actor: str) -> None:
    assert may_change(record(access=access, grantees=("gus",)), ACTORS[actor]) is (actor in ("system", "owner"))


@pytest.mark.parametrize("access", Access)
def test_grantees_matter_only_while_a_file_is_shared(access: Access) -> None:
    open_to_all = access in (Access.PUBLIC, Access.UNLISTED)
    assert may_read(record(access=access, grantees=()), "gus") is open_to_all


@pytest.mark.parametrize("actor", ["", "ANN", "ann ", "annie"])
def test_an_actor_that_only_looks_like_the_owner_is_a_stranger(actor: str) -> None:
    assert not may_read(record(), actor)
    assert not may_change(record(), actor)
    assert not may_act_for("ann", actor)


def test_lists_show_everybody_else_only_what_is_public() -> None:
    assert not sees_only_public("ann", None)
    assert not sees_only_public(None, None)
    assert not sees_only_public("ann", "ann")
    assert sees_only_public("ann", "gus")
    assert sees_only_public(None, "ann")


@pytest.mark.parametrize("access", Access)
def test_plain_addresses_are_for_public_processed_files(access: Access) -> None:
    assert not readable_without_signature(record(access=access))
    assert readable_without_signature(record(access=access, processed_at=1)) is (access is Access.PUBLIC)


def test_the_hidden_fields_exist() -> None:
    assert set(FileRecord.__dataclass_fields__) > OWNER_ONLY
    assert set(Part.__dataclass_fields__) > OWNER_ONLY_OF_PARTS
