"""Tokens of the queue door: signed for one upload, and nothing else is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jwt
import pytest

from files_service.core import Core
from files_service.errors import FilesError, Forbidden, Unauthorized
from files_service.gateway.auth.bearer import make_token, owner_of_token
from files_service.services.uploads.queue_door import AUDIENCE, queue_address, session_of_token, window
from storage_adapters import JSON
from tests.cores import SECRETS, at, call, memory_core, pending_file


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with closing(memory_core(tmp_path, amqp_uri="amqp://broker", queue_door=True)) as core:
        yield core


@pytest.fixture
def address(core: Core) -> JSON:
    found: JSON = pending_file(core, b"content")["parts"][0]["amqp"]
    return found


def refusal_of(core: Core, token: str, upload_id: str) -> FilesError:
    with pytest.raises(FilesError) as caught:
        session_of_token(core, token, upload_id)
    return caught.value


def test_the_token_of_an_answer_finds_the_upload(core: Core, address: JSON) -> None:
    session = session_of_token(core, address["token"], address["upload_id"])
    assert (session.upload.upload_id, session.upload.owner) == (address["upload_id"], "ann")
    assert address["expires_at"] >= core.clock()


@pytest.mark.parametrize(
    "secret", [SECRETS["FILES_SIGNING_KEY"], SECRETS["FILES_JWT_SECRET"], SECRETS["FILES_RPC_TOKEN"]]
)
def test_a_token_by_another_key_is_none(core: Core, address: JSON, secret: str) -> None:
    claims = jwt.decode(address["token"], options={"verify_signature": False})
    assert claims["aud"] == AUDIENCE
    forged = jwt.encode(claims, secret, algorithm="HS256")
    assert isinstance(refusal_of(core, forged, address["upload_id"]), Unauthorized)


@pytest.mark.parametrize("change", [{"aud": "others"}, {"aud": None}, {"exp": None}, {"sub": None}, {"upload": None}])
def test_a_token_that_lacks_a_claim_is_none(
    core: Core, address: JSON, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = jwt.encode

    def changed(claims: dict[str, Any], *args: Any, **kwargs: Any) -> str:
        return real({name: value for name, value in (claims | change).items() if value is not None}, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(jwt, "encode", changed)
        other = queue_address(core, "ann", address["upload_id"], 7)
    assert other is not None
    assert isinstance(refusal_of(core, other["token"], address["upload_id"]), Unauthorized)


def test_an_unsigned_token_is_none(core: Core, address: JSON) -> None:
    claims = jwt.decode(address["token"], options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none")
    assert isinstance(refusal_of(core, unsigned, address["upload_id"]), Unauthorized)
    assert isinstance(refusal_of(core, "", address["upload_id"]), Unauthorized)


def test_a_token_ends_and_opens_one_upload_of_its_size(core: Core, address: JSON) -> None:
    later = at(core, address["expires_at"] + 1_000)
    assert isinstance(refusal_of(later, address["token"], address["upload_id"]), Unauthorized)
    another = pending_file(core, b"other")["parts"][0]["amqp"]
    assert isinstance(refusal_of(core, another["token"], address["upload_id"]), Forbidden)
    of_another_size = queue_address(core, "ann", address["upload_id"], 8)
    assert of_another_size is not None
    assert isinstance(refusal_of(core, of_another_size["token"], address["upload_id"]), Forbidden)
    of_another_owner = queue_address(core, "bob", address["upload_id"], 7)
    assert of_another_owner is not None
    assert refusal_of(core, of_another_owner["token"], address["upload_id"]).code == "not_found"


def test_a_token_of_the_door_is_no_token_of_a_person(address: JSON) -> None:
    assert owner_of_token(make_token("ann", SECRETS["FILES_JWT_SECRET"], 60), SECRETS["FILES_JWT_SECRET"]) == "ann"
    with pytest.raises(Unauthorized):
        owner_of_token(address["token"], SECRETS["FILES_JWT_SECRET"])


def test_an_upload_of_shorter_chunks_keeps_them(core: Core) -> None:
    for chunk_size, expected in ((1_024, 1_024), (core.settings.chunk_bytes * 2, core.settings.chunk_bytes)):
        address = queue_address(core, "ann", f"{core.new_id()}-p0", 1, chunk_size=chunk_size)
        assert address is not None
        assert address["chunk_bytes"] == expected


def test_long_chunks_make_a_short_window() -> None:
    assert [window(size * 2**20) for size in (1, 4, 8, 16, 64)] == [8, 8, 8, 4, 1]


def test_a_disabled_account_sends_no_more_bytes(core: Core) -> None:
    owner = call(core, "accounts.create", name="ann")["owner"]
    address = pending_file(core, b"content", owner=owner)["parts"][0]["amqp"]
    assert session_of_token(core, address["token"], address["upload_id"]).upload.owner == owner
    call(core, "accounts.update", owner=owner, disabled=True)
    assert isinstance(refusal_of(core, address["token"], address["upload_id"]), Forbidden)
