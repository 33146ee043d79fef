"""Random parameters for every action: nothing but an answer, or a refusal that is the caller's fault and says where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields

from files_service.api import METHODS
from files_service.core import Core
from files_service.domain.uploads import part_key
from files_service.errors import BadRequest, FilesError
from storage_adapters import FIELDS, OPERATORS, SORT_FIELDS
from tests.cores import attempt, pending_file, processed_file, sqlite_core, uploaded_file
from tests.scale import at_scale

# Deep enough to find every unguarded look into a value; the stores of all examples are one, so that they meet.
FUZZ = settings(
    max_examples=at_scale(quick=8, default=8, nightly=1_000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

ANY_TEXT = st.text(st.characters(), max_size=12) | st.sampled_from(
    [
        "\ud800",
        "\x00",
        "a\nb",
        "a\x1b[2J",
        "\u202e",
        "..",
        "../../etc/passwd",
        " ",
        "x" * 300,
        "\u0130" * 40,
        "'\";--",
        "\x85",
    ]
)
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([-1, 0, 1, 2**31, 2**53, 2**63, 2**64, 10**400, float("nan"), float("inf"), -0.0, 1e308])
)
SCALARS = st.none() | st.booleans() | NUMBERS | ANY_TEXT
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int, *, lists: bool) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if lists else {"k": value}
    return value


DEEP = st.builds(nested, st.sampled_from([10, 200, 260, 400]), lists=st.booleans())
OPS = st.sampled_from(sorted({op for ops in OPERATORS.values() for op in ops})) | ANY_TEXT
FILTERS = st.dictionaries(
    st.sampled_from([*FIELDS, "meta", "request_id"]) | ANY_TEXT,
    JSON_VALUES | st.dictionaries(OPS, JSON_VALUES | st.lists(SCALARS, max_size=3), max_size=3),
    max_size=4,
)
# What the core of each test knows: ids of files in three statuses, and one that was removed.
IDS = ["pending", "uploaded", "processed", "removed"]
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "file_id": st.sampled_from([*IDS, "0" * 26]),
    "file_ids": st.lists(st.sampled_from(IDS), min_size=1, max_size=3),
    "owner": st.sampled_from(["ann", "bob", "o" * 78]),
    "actor": st.sampled_from([None, "ann", "bob"]),
    "name": st.sampled_from(["clip.mp4", "\u00e9", "x" * 255]),
    "alias": st.none() | st.sampled_from(["a", "taken", "b"]),
    "aliases": st.lists(st.sampled_from(["a", "taken"]), min_size=1),
    "access": st.sampled_from(["private", "shared", "unlisted", "public"]),
    "tag": st.sampled_from(["sea", "Sun"]),
    "tags": st.lists(st.sampled_from(["sea", "Sun", "\u0130" * 20]), max_size=3),
    "grantees": st.lists(st.sampled_from(["gus", "ann"]), max_size=3),
    "meta": st.just({"description": "d", "website": "http://a.b", "k": [1.5]})
    | st.dictionaries(ANY_TEXT | st.sampled_from(["description", "website"]), JSON_VALUES, max_size=3)
    | DEEP,
    "filter": st.sampled_from([{"size": {"gte": 1}}, {"name": {"prefix": "c"}, "alias": {"empty": True}}]) | FILTERS,
    "fields": st.lists(st.sampled_from(["name", "parts", "meta.k", "grantees"]), min_size=1, max_size=3),
    "order_by": st.sampled_from(SORT_FIELDS),
    "order": st.sampled_from(["asc", "desc"]),
    "part_id": st.just("p0"),
    "key": st.sampled_from([*IDS, "0/0/0"]),
    "bucket": st.sampled_from(["memory", "other"]),
    "parts": st.lists(st.just("p0"), min_size=1, max_size=2),
    "size": st.integers(0, 10),
    "content_type": st.sampled_from(["text/plain", "Image/PNG", "text/html; charset=UTF-8"]),
    "type": st.just("file"),
    "md5": st.none() | st.just("A" * 32),
    "crc32c": st.none() | st.just("0" * 8),
    "sha256": st.none() | st.just("0" * 64),
    "generation": st.none() | st.just("1"),
    "origin": st.none() | st.just("http://example.org"),
    "request_id": st.none() | st.sampled_from(["r", "s"]),
    "search": st.none() | st.just("clip"),
    "min_change": st.none() | st.sampled_from(["@1", "0" * 26 + ":1"]),
    "immutable": st.just(True),
}


def likely(name: str, field: fields.Field[Any]) -> st.SearchStrategy[Any]:
    """Values that the field may well take, made from what its schema says."""
    if isinstance(field, fields.Nested):
        return params_of(field.schema)
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
        return st.lists(params_of(field.inner.schema), min_size=1, max_size=3)
    if name in LIKELY:
        return LIKELY[name]
    if isinstance(field, fields.Boolean):
        return st.booleans()
    return st.integers(1, 100) if isinstance(field, fields.Integer) else ANY_TEXT


# Ways to name a file, of which an action takes exactly one.
ADDRESSES = [{"file_id", "part_id"}, {"key", "bucket"}, {"owner", "alias"}]


@st.composite
def params_of(draw: st.DrawFn, schema: Schema) -> dict[Any, Any]:
    """Parameters that are right by their looks, in every other case with some that are anything at all."""
    params: dict[Any, Any] = {}
    left_out: set[str] = set()
    if not any(field.required for field in schema.fields.values()):
        left_out = set().union(*ADDRESSES) - draw(st.sampled_from([*ADDRESSES, set[str]()]))
    for attribute, field in schema.fields.items():
        name = field.data_key or attribute
        if field.required or (name not in left_out and draw(st.booleans())):
            params[name] = draw(likely(name, field))
    if draw(st.booleans()):
        wrong = draw(st.lists(st.sampled_from(sorted(schema.fields)) | ANY_TEXT, max_size=2))
        params |= {name: draw(JSON_VALUES | DEEP) for name in wrong}
        params.pop(draw(st.sampled_from([None, *sorted(schema.fields)])), None)
    return params


def some_files(core: Core) -> dict[str, str]:
    """Make files and return their ids by the names in ``IDS``."""
    removed = processed_file(core, name="removed")["file_id"]
    attempt(core, "files.remove", file_id=removed)
    return {
        "pending": pending_file(core, tags=["sea"])["file_id"],
        "uploaded": uploaded_file(core, alias="taken")["file_id"],
        "processed": processed_file(core, b"x", tags=["sea"], access="public", meta={"k": 1})["file_id"],
        "removed": removed,
    }


def with_ids(params: dict[Any, Any], ids: dict[str, str]) -> dict[Any, Any]:
    named = {key: ids.get(key, key) for key in IDS}
    if isinstance(params.get("file_id"), str):
        params["file_id"] = named.get(params["file_id"], params["file_id"])
    if isinstance(params.get("key"), str) and params["key"] in IDS:
        params["key"] = part_key("ann", ids[params["key"]], "p0")
    if isinstance(params.get("file_ids"), list):
        params["file_ids"] = [named.get(each, each) if isinstance(each, str) else each for each in params["file_ids"]]
    return params


def check(core: Core, method: str, params: Any) -> None:
    answer, refused = None, None
    try:
        answer = METHODS[method](params, core)
    except FilesError as error:
        refused = error
    if refused is None:
        assert isinstance(orjson.loads(orjson.dumps(answer)), dict)
        return
    assert refused.http_status < 500
    assert orjson.loads(orjson.dumps(refused.to_wire()))["code"] == refused.code
    if isinstance(refused, BadRequest):
        assert refused.details["fields"]
        assert all(name.isprintable() and messages for name, messages in refused.details["fields"].items())


@pytest.mark.parametrize("method", METHODS)
def test_nearly_right_parameters_never_break_an_action(core: Core, method: str) -> None:
    ids = some_files(core)

    @FUZZ
    @given(params_of(METHODS[method].schema))
    def fuzz(params: dict[Any, Any]) -> None:
        check(core, method, with_ids(params, ids))

    fuzz()


@pytest.mark.parametrize("method", ["files.upload", "files.list", "files.update", "files.clone", "files.tag.add"])
def test_what_an_action_lets_through_is_fit_for_a_store_on_disk(tmp_path: Path, method: str) -> None:
    core = sqlite_core(tmp_path)
    ids = some_files(core)

    @FUZZ
    @given(params_of(METHODS[method].schema))
    def fuzz(params: dict[Any, Any]) -> None:
        check(core, method, with_ids(params, ids))

    fuzz()
    core.close()


@pytest.mark.parametrize("method", METHODS)
def test_anything_at_all_never_breaks_an_action(core: Core, method: str) -> None:
    names = sorted(field.data_key or name for name, field in METHODS[method].schema.fields.items())

    @FUZZ
    @given(
        JSON_VALUES | st.dictionaries(st.sampled_from(names) | ANY_TEXT | st.integers(), JSON_VALUES | DEEP, max_size=6)
    )
    def fuzz(params: Any) -> None:
        check(core, method, params)

    fuzz()
