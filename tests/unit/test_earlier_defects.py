"""What services of this kind got wrong before, one test per defect and named after it.

The points of "what a better implementation should fix":

== ==================================================== ==========================================================
1  a list never blocks the store                        here; bounded work: ``contract/listing.py``
2  one place maintains the indexes                      here; ``contract/consistency.py``
3  completion is atomic and re-entrant                  here; every write killed: ``faults/test_killed_actions.py``
4  a dead worker leaves nothing stuck                   here; ``unit/test_process.py``, ``faults/test_worker_faults.py``
5  size and checksum are verified on finish             here; of the bytes: ``unit/test_verification.py``
6  no blob is orphaned                                  here: a removal remembers its blobs; the deletion: the sweeper
7  lists are fresh                                      here
8  repeated calls are recognised                        here
9  access changes wholly, and file by file              here
10 the copy in a second database is exact               later, with the syncer; its feed and digest: ``contract/``
11 paging is stable                                     here; ``contract/listing.py``
12 filters are strict and the same everywhere           here; ``adapters/test_differential_listing.py``
13 access fails closed                                  here; ``unit/test_actions.py``
14 webhooks are authentic                               later, with Google Cloud Storage; signed URLs:
                                                        ``contract/signed_urls.py``
15 results are values, not texts of errors              here; Redis scripts: later, with the Redis store
16 the slot of a Redis cluster is chosen openly         later, with the Redis store
17 migrations are locked, resumable, tried dry          later, with the migrations
18 health and metrics per store                         ``gateway/test_operation.py``
19 an alias is claimed atomically                       here; ``contract/metadata_names.py``
20 unlisted files can be changed and removed            here
== ==================================================== ==========================================================

The defects of single actions are in ``unit/test_earlier_defects_of_actions.py``. Defects of an index kept by hand, of
caches and of Lua scripts have no counterpart: a store has one index, there is no cache, and no script before the Redis
store.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import (
    AliasTaken,
    BadRequest,
    FilesError,
    Forbidden,
    PartMismatch,
)
from files_service.services.processing import take
from storage_adapters import JSON
from tests.cores import (
    announced,
    at,
    at_once,
    attempt,
    call,
    pending_file,
    processed_file,
    put_parts,
    refusal,
    uploaded_file,
)


def listed(core: Core, **params: Any) -> list[str]:
    return [file["file_id"] for file in call(core, "files.list", **params)["files"]]


def test_point_01_an_unselective_filter_answers_with_what_it_found_and_a_cursor(core: Core) -> None:
    for index in range(2_100):
        pending_file(core, name="needle" if index == 0 else "hay")
    params = {"owner": "ann", "order_by": "created_at", "filter": {"name": "needle"}}
    first = call(core, "files.list", **params)
    assert first["files"] == []
    second = call(core, "files.list", **params, cursor=first["next_cursor"])
    assert [file["name"] for file in second["files"]] == ["needle"]


def test_point_02_every_action_moves_a_file_between_all_lists(core: Core) -> None:
    scopes: list[JSON] = [{"owner": "ann"}, {"tags": ["sea"]}, {"owner": "ann", "tags": ["sea"]}, {"actor": "sam"}]

    def found(file_id: str) -> list[bool]:
        return [file_id in listed(core, **scope) for scope in scopes]

    file_id = pending_file(core, access="public", tags=["Sea"])["file_id"]
    assert found(file_id) == [True, True, True, False]
    file_id = processed_file(core, access="public", tags=["Sea"])["file_id"]
    assert found(file_id) == [True, True, True, True]
    call(core, "files.update", file_id=file_id, changes={"tags": ["sun"]})
    assert found(file_id) == [True, False, False, True]
    call(core, "files.tag.add", file_id=file_id, tags=["SEA"])
    call(core, "files.access", file_ids=[file_id], access="private")
    assert found(file_id) == [True, True, True, False]
    clone_id = call(core, "files.clone", file_id=file_id, owner="ann")["file_id"]
    call(core, "files.process", file_id=clone_id)
    call(core, "files.tag.access", owner="ann", tag="sea", access="public")
    assert found(file_id) == found(clone_id) == [True, True, True, True]
    call(core, "files.remove", file_id=file_id)
    assert found(file_id) == [False, False, False, False]


def test_point_03_an_upload_that_has_all_its_parts_but_is_pending_resumes(core: Core) -> None:
    file = pending_file(core)
    put_parts(core, file, [b"content"])
    stored = core.metadata.get(file["file_id"])
    parts = tuple(replace(part, received_at=1) for part in stored.parts)
    core.metadata.save(replace(stored, parts=parts), expected_revision=1, changed_at=1, event=None)
    answer = call(core, "files.finish", file_id=file["file_id"], part_id="p0")
    assert (answer["status"], answer["duplicate"]) == ("uploaded", True)
    assert announced(core) == ["created", "uploaded"]


def test_point_04_a_file_whose_worker_died_is_processed_by_the_next(core: Core) -> None:
    file = uploaded_file(core)
    stored = core.metadata.get(file["file_id"])
    taken = take(stored, "died", core, force=False)
    core.metadata.save(taken, expected_revision=stored.revision, changed_at=1, event=None)
    assert taken.lease is not None
    later = at(core, taken.lease.until)
    assert call(later, "files.process", file_id=file["file_id"])["status"] == "processed"


def test_point_05_bytes_are_compared_with_the_declaration_before_the_part_counts(core: Core) -> None:
    for declared in ({"size": 8}, {"size": 7, "crc32c": "00000000"}, {"size": 7, "sha256": "0" * 64}):
        file = pending_file(core, parts=[declared])
        put_parts(core, file, [b"content"])
        error = refusal(core, "files.finish", file_id=file["file_id"], part_id="p0")
        assert isinstance(error, PartMismatch)
        assert call(core, "files.info", file_id=file["file_id"])["status"] == "pending"


def test_point_06_a_removal_remembers_the_blobs_of_files_in_every_status(core: Core) -> None:
    files = [make(core, b"one", b"two") for make in (pending_file, uploaded_file, processed_file)]
    for file in files:
        call(core, "files.remove", file_id=file["file_id"])
    remembered = {part.key for tombstone in core.metadata.unclean(now=2**53, limit=9) for part in tombstone.parts}
    assert remembered == {part["key"] for file in files for part in file["parts"]}


def test_point_07_a_list_shows_every_change_at_once_however_often_it_is_asked(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    for index in range(5):
        call(core, "files.update", file_id=file_id, changes={"name": f"n{index}"})
        assert [file["name"] for file in call(core, "files.list", owner="ann")["files"]] == [f"n{index}"]


def test_point_08_a_retried_upload_makes_no_second_file(core: Core) -> None:
    assert len({pending_file(core, request_id="r")["file_id"] for _ in range(3)}) == 1
    assert announced(core) == ["created"]


def test_point_08_alias_set_to_itself_is_no_error(core: Core) -> None:
    file = processed_file(core, alias="a")
    again = call(core, "files.update", file_id=file["file_id"], changes={"alias": "a"})
    assert again["revision"] == file["revision"]


def test_point_08_contention_is_waited_out(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    at_once(16, lambda index: call(core, "files.update", file_id=file_id, changes={"meta": {f"k{index}": 1}}))
    assert len(call(core, "files.info", file_id=file_id)["meta"]) == 16


def test_point_09_access_is_answered_file_by_file_and_can_be_repeated(core: Core) -> None:
    mine, other = processed_file(core, b"one", b"two"), processed_file(core, owner="bob")
    params = {"file_ids": [mine["file_id"], other["file_id"]], "access": "public", "actor": "ann"}
    first = call(core, "files.access", **params)
    assert [each["ok"] for each in first["files"]] == [True, False]
    assert call(core, "files.access", **params) == first


def test_point_09_racing_changes_of_access_end_in_one_of_them(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    levels = ["public", "private"] * 6
    at_once(12, lambda index: call(core, "files.access", file_ids=[file_id], access=levels[index]))
    access = call(core, "files.info", file_id=file_id)["access"]
    assert (file_id in listed(core, actor="sam")) is (access == "public")
    assert call(core, "files.count", owner="ann")["by_access"] == {access: 1}


def test_point_09_public_needs_no_permission_on_the_blob(core: Core) -> None:
    file = processed_file(core)
    before = core.blobs.head(file["parts"][0]["key"])
    call(core, "files.access", file_ids=[file["file_id"]], access="public")
    assert core.blobs.head(file["parts"][0]["key"]) == before


def test_point_11_pages_hold_every_file_once_though_all_sort_the_same(core: Core) -> None:
    core = at(core, 1_000)
    ids = {processed_file(core, name="same")["file_id"] for _ in range(7)}
    for order_by, order in itertools.product(("uploaded_at", "name", "size"), ("asc", "desc")):
        params = {"owner": "ann", "order_by": order_by, "order": order, "limit": 3, "with_total": True}
        pages = [call(core, "files.list", **params)]
        while pages[-1]["next_cursor"] is not None:
            pages.append(call(core, "files.list", **params, cursor=pages[-1]["next_cursor"]))
        found = [file["file_id"] for page in pages for file in page["files"]]
        assert sorted(found) == sorted(ids)
        assert found == sorted(found, reverse=order == "desc")
        assert {page["total"] for page in pages} == {7}


def test_point_11_a_file_that_goes_between_two_pages_skips_no_other(core: Core) -> None:
    ids = [processed_file(core)["file_id"] for _ in range(6)]
    params = {"owner": "ann", "order_by": "created_at", "order": "asc", "limit": 2}
    first = call(core, "files.list", **params)
    call(core, "files.remove", file_id=ids[0])
    call(core, "files.remove", file_id=ids[1])
    assert listed(core, **params, cursor=first["next_cursor"]) == ids[2:4]


def test_point_12_an_unknown_operator_is_a_bad_request(core: Core) -> None:
    assert isinstance(refusal(core, "files.list", filter={"name": {"fuzzy": "x"}}), BadRequest)


@pytest.mark.parametrize("op", ["exists", "empty"])
def test_point_12_booleans_of_operators_are_honoured(core: Core, op: str) -> None:
    bare, named = processed_file(core)["file_id"], processed_file(core, alias="a")["file_id"]
    with_alias = op == "exists"
    assert listed(core, filter={"alias": {op: True}}) == [named if with_alias else bare]
    assert listed(core, filter={"alias": {op: False}}) == [bare if with_alias else named]


def test_point_12_values_of_a_wrong_type_are_refused_and_missing_ones_abort_nothing(core: Core) -> None:
    pending_file(core)
    assert isinstance(refusal(core, "files.list", filter={"uploaded_at": {"gt": "yesterday"}}), BadRequest)
    assert listed(core, filter={"uploaded_at": {"gt": 0}}) == []


def test_point_12_a_missing_value_is_not_unequal_and_zero_is_a_value(core: Core) -> None:
    empty = processed_file(core, b"")["file_id"]
    assert listed(core, filter={"alias": {"ne": "a"}}) == []
    assert listed(core, filter={"size": {"gte": 0}}) == listed(core, filter={"size": {"lte": 0}}) == [empty]


def test_point_13_without_a_list_of_owners_nobody_but_the_system_sees_all(core: Core) -> None:
    processed_file(core)
    assert len(listed(core)) == 1
    assert listed(core, actor="sam") == listed(core, owner="ann", actor="sam") == []
    assert isinstance(refusal(core, "files.list", actor=""), BadRequest)


@pytest.mark.parametrize("method", ["files.info", "files.data", "files.download", "files.clone", "files.manifest"])
def test_point_13_private_files_are_private_inside_every_action(core: Core, method: str) -> None:
    more: dict[str, JSON] = {"files.data": {"fields": ["name"]}, "files.clone": {"owner": "sam"}}
    file_id = processed_file(core)["file_id"]
    assert isinstance(refusal(core, method, file_id=file_id, actor="sam", **more.get(method, {})), Forbidden)


def test_point_15_the_loser_of_a_race_gets_an_answer_and_no_failure(core: Core) -> None:
    file = pending_file(core)
    put_parts(core, file, [b"content"])
    answers = at_once(12, lambda _: call(core, "files.finish", file_id=file["file_id"], part_id="p0"))
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 11


def test_point_19_of_many_claims_of_an_alias_exactly_one_wins(core: Core) -> None:
    files = [processed_file(core) for _ in range(8)]

    def claim(index: int) -> JSON | FilesError:
        return attempt(core, "files.update", file_id=files[index]["file_id"], changes={"alias": "a"})

    outcomes = at_once(8, claim)
    assert sum(isinstance(each, AliasTaken) for each in outcomes) == 7
    [winner] = [each["file_id"] for each in outcomes if not isinstance(each, FilesError)]
    assert call(core, "files.head", owner="ann", aliases=["a"]) == {"file_ids": [winner]}


def test_point_20_unlisted_files_can_be_updated_and_removed(core: Core) -> None:
    file_id = processed_file(core, access="unlisted")["file_id"]
    assert call(core, "files.update", file_id=file_id, changes={"name": "new"}, actor="ann")["name"] == "new"
    assert call(core, "files.tag.add", file_id=file_id, tags=["sea"], actor="ann")["tags"] == ["sea"]
    assert call(core, "files.remove", file_id=file_id, actor="ann")["removed"]
