"""What single actions of such services got wrong before, one test per defect and named after action and defect."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import (
    BadRequest,
    Forbidden,
    Gone,
    Immutable,
    NotFound,
)
from storage_adapters import JSON
from tests.cores import (
    at_once,
    call,
    pending_file,
    processed_file,
    put_parts,
    refusal,
    uploaded_file,
    writes,
)


def listed(core: Core, **params: Any) -> list[str]:
    return [file["file_id"] for file in call(core, "files.list", **params)["files"]]


def test_finish_a_answers_about_several_files_are_never_mixed_up(core: Core) -> None:
    files = [pending_file(core, *[b"x"] * count) for count in range(2, 10)]
    for file in files:
        put_parts(core, file, [b"x"] * len(file["parts"]))
    answers = at_once(8, lambda index: call(core, "files.finish", file_id=files[index]["file_id"], part_id="p0"))
    assert [(each["file_id"], each["parts_received"], each["parts_total"]) for each in answers] == [
        (file["file_id"], 1, len(file["parts"])) for file in files
    ]


def test_finish_c_a_duplicate_of_a_finished_upload_is_harmless(core: Core) -> None:
    file = processed_file(core)
    before = writes(core)
    answer = call(core, "files.finish", file_id=file["file_id"], part_id="p0")
    assert (answer["status"], answer["duplicate"], writes(core)) == ("processed", True, before)


def test_finish_d_waiting_includes_what_was_to_follow(core: Core) -> None:
    file = pending_file(core, post_action={"update": {"alias": "done"}})
    put_parts(core, file, [b"content"])
    answer = call(core, "files.finish", file_id=file["file_id"], part_id="p0", wait=True)
    assert answer["status"] == "processed"
    assert call(core, "files.head", owner="ann", aliases=["done"]) == {"file_ids": [file["file_id"]]}


def test_finish_e_a_removed_file_does_not_come_back_as_a_ghost(core: Core) -> None:
    file = pending_file(core)
    put_parts(core, file, [b"content"])
    call(core, "files.remove", file_id=file["file_id"])
    assert isinstance(refusal(core, "files.finish", file_id=file["file_id"], part_id="p0"), Gone)
    assert isinstance(refusal(core, "files.info", file_id=file["file_id"]), NotFound)
    assert call(core, "files.count")["total"] == 0


def test_finish_f_tags_are_kept_and_found_in_lower_case_from_the_first_write(core: Core) -> None:
    file = uploaded_file(core, tags=["SeaSide"])
    assert file["tags"] == ["seaside"]
    for tag in ("SeaSide", "seaside", " SEASIDE"):
        assert listed(core, tags=[tag]) == [file["file_id"]]


def test_finish_g_a_list_shows_the_file_as_soon_as_it_is_finished(core: Core) -> None:
    file = pending_file(core)
    assert listed(core, filter={"status": "uploaded"}) == []
    put_parts(core, file, [b"content"])
    call(core, "files.finish", file_id=file["file_id"], part_id="p0")
    assert listed(core, filter={"status": "uploaded"}) == [file["file_id"]]


def test_process_a_success_after_a_failure_leaves_no_trace_of_it(core: Core) -> None:
    file = uploaded_file(core, b"content")
    key = file["parts"][0]["key"]
    core.blobs.delete(key)
    failed = call(core, "files.process", file_id=file["file_id"])
    assert (failed["status"], failed["error"]["attempts"]) == ("failed", 1)
    put_parts(core, file, [b"content"])
    done = call(core, "files.process", file_id=file["file_id"])
    assert (done["status"], done["error"]) == ("processed", None)


def test_process_always_answers_with_the_record(core: Core) -> None:
    file = uploaded_file(core, post_action={"update": {"name": "done"}})
    done = call(core, "files.process", file_id=file["file_id"])
    assert (done["file_id"], done["name"]) == (file["file_id"], "done")
    assert call(core, "files.process", file_id=file["file_id"]) == done


def test_process_a_post_action_that_fails_is_written_down(core: Core) -> None:
    processed_file(core, alias="taken")
    file = uploaded_file(core, post_action={"update": {"alias": "taken"}})
    done = call(core, "files.process", file_id=file["file_id"])
    assert (done["status"], done["alias"], done["error"]["code"]) == ("processed", None, "post_action_failed")


def test_list_every_row_carries_its_own_id(core: Core) -> None:
    ids = [processed_file(core, name=f"n{index}")["file_id"] for index in range(5)]
    call(core, "files.remove", file_id=ids[2])
    page = call(core, "files.list", owner="ann", order_by="name", order="asc", fields=["name"])
    assert [(file["file_id"], file["name"]) for file in page["files"]] == [
        (file_id, f"n{index}") for index, file_id in enumerate(ids) if index != 2
    ]


def test_head_an_owner_without_aliases_is_no_error(core: Core) -> None:
    assert call(core, "files.head", owner="nobody", aliases=["a", "b"]) == {"file_ids": [None, None]}


def test_count_an_unknown_owner_has_no_files(core: Core) -> None:
    assert call(core, "files.count", owner="nobody")["total"] == 0


def test_report_sums_include_unlisted_and_temporary_files(core: Core) -> None:
    processed_file(core, b"one", access="unlisted")
    processed_file(core, b"three", temporary=True)
    assert call(core, "files.report", owner="ann")["bytes"] == 8


def test_update_fields_can_be_unset(core: Core) -> None:
    file_id = processed_file(core, alias="a", tags=["x"], meta={"website": "http://a.b", "k": 1})["file_id"]
    changes = {"alias": None, "tags": None, "meta": {"website": None}}
    done = call(core, "files.update", file_id=file_id, changes=changes)
    assert (done["alias"], done["tags"], done["meta"]) == (None, [], {"k": 1})


def test_update_a_passed_on_alias_leaves_no_stale_pointer(core: Core) -> None:
    one, two = processed_file(core, alias="a")["file_id"], processed_file(core)["file_id"]
    call(core, "files.update", file_id=one, changes={"alias": "b"})
    call(core, "files.update", file_id=two, changes={"alias": "a"})
    call(core, "files.update", file_id=one, changes={"alias": "c"})
    assert call(core, "files.head", owner="ann", aliases=["a", "b", "c"]) == {"file_ids": [two, None, one]}


def test_update_does_not_erase_what_it_does_not_name(core: Core) -> None:
    file_id = processed_file(core, tags=["sea"], meta={"k": 1})["file_id"]
    done = call(core, "files.update", file_id=file_id, changes={"name": "new"})
    assert (done["tags"], done["meta"]) == (["sea"], {"k": 1})


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("files.update", {"changes": {"name": "x"}}),
        ("files.tag.add", {"tags": ["x"]}),
        ("files.tag.sync", {"tags": ["x"]}),
        ("files.remove", {}),
    ],
)
def test_a_seal_holds_against_every_action_that_changes_content(core: Core, method: str, params: JSON) -> None:
    file_id = processed_file(core)["file_id"]
    call(core, "files.update", file_id=file_id, changes={"immutable": True})
    assert isinstance(refusal(core, method, file_id=file_id, **params), Immutable)


def test_tags_have_a_bound_in_all(core: Core) -> None:
    file_id = processed_file(core, tags=[f"t{index}" for index in range(20)])["file_id"]
    assert isinstance(refusal(core, "files.tag.add", file_id=file_id, tags=["one-more"]), BadRequest)


def test_remove_a_second_call_gives_the_first_answer(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    assert call(core, "files.remove", file_id=file_id) == call(core, "files.remove", file_id=file_id)


def test_remove_a_file_with_clones_leaves_them_whole(core: Core) -> None:
    file = processed_file(core, b"content")
    clone = call(core, "files.clone", file_id=file["file_id"], owner="ann")
    call(core, "files.remove", file_id=file["file_id"])
    assert b"".join(core.blobs.get(clone["parts"][0]["key"])) == b"content"
    assert call(core, "files.process", file_id=clone["file_id"])["status"] == "processed"


def test_clone_nobody_clones_what_it_may_not_read_or_for_somebody_else(core: Core) -> None:
    private, public = processed_file(core)["file_id"], processed_file(core, access="public")["file_id"]
    assert isinstance(refusal(core, "files.clone", file_id=private, owner="sam", actor="sam"), Forbidden)
    assert isinstance(refusal(core, "files.clone", file_id=public, owner="ann", actor="sam"), Forbidden)
