"""Pages of a manifest at the doors, and in the client."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.client import FilesClient
from files_service.services.uploads.manifests import PAGE_CHUNKS
from storage_adapters import Chunk, SupportsUploads
from tests.gateway.owners import bearer
from tests.gateway.serving import RPC_TOKEN, Served
from tests.gateway.slices import Talk, talk

CHUNKS = PAGE_CHUNKS + 500
ANN = bearer("ann")


def fill(served: Served, upload_id: str) -> None:
    """Name more chunks in an upload than a page has, each of a byte."""
    uploads = served.core.metadata
    assert isinstance(uploads, SupportsUploads)
    upload = uploads.get_upload(upload_id)
    [place] = uploads.reserve_chunks("ann", ["ab" * 32], now=served.core.clock())
    chunks = [Chunk(offset=at, size=1, object_id=place.object_id, token=place.token) for at in range(CHUNKS)]
    uploads.append_chunks(upload_id, chunks, expires_at=upload.expires_at)


@pytest.fixture
def upload(memory_gateway: Served) -> Any:
    """The first manifest of an upload that has more chunks by now."""

    async def begin(client: Talk) -> Any:
        return await client.ask(op="start", name="a", size=CHUNKS)

    begun = talk(memory_gateway.port, begin)
    assert (begun["chunks"], "next_start" in begun) == ([], False)
    fill(memory_gateway, begun["upload_id"])
    return begun


def test_a_websocket_shows_the_first_page_and_others_when_asked(memory_gateway: Served, upload: Any) -> None:
    async def resume(client: Talk) -> tuple[Any, Any, Any]:
        first = await client.ask(op="start", upload_id=upload["upload_id"])
        rest = await client.ask(op="manifest", start=first["next_start"])
        return first, rest, await client.ask(op="manifest", start="x")

    first, rest, wrong = talk(memory_gateway.port, resume)
    assert (len(first["chunks"]), first["next_start"]) == (PAGE_CHUNKS, PAGE_CHUNKS)
    assert (rest["op"], len(rest["chunks"]), "next_start" in rest) == ("manifest", CHUNKS - PAGE_CHUNKS, False)
    assert rest["ranges"] == [[0, CHUNKS]]
    assert (wrong["op"], list(wrong["details"]["fields"])) == ("error", ["start"])


def test_rest_shows_the_page_that_is_asked_for(memory_gateway: Served, upload: Any) -> None:
    address = f"/api/files/{upload['file_id']}/manifest"
    first = memory_gateway.request("GET", address, headers=ANN).json
    assert (len(first["chunks"]), first["next_start"]) == (PAGE_CHUNKS, PAGE_CHUNKS)
    page = memory_gateway.request("GET", f"{address}?start=1400&limit=7", headers=ANN).json
    assert [chunk["slice_start"] for chunk in page["chunks"]] == list(range(1_400, 1_407))
    assert page["next_start"] == 1_407
    for wrong in ("start=-1", "start=", "limit=0", "limit=10001", "limit=%D9%A3", f"start={'9' * 5_000}"):
        reply = memory_gateway.request("GET", f"{address}?{wrong}", headers=ANN)
        assert (reply.code, reply.fields) == ("bad_request", [wrong.partition("=")[0]])


def test_the_client_follows_the_pages(memory_gateway: Served, upload: Any) -> None:
    with FilesClient(f"http://127.0.0.1:{memory_gateway.port}", token=RPC_TOKEN) as client:
        chunks = list(client.chunks(file_id=upload["file_id"]))
        assert [chunk["slice_start"] for chunk in chunks] == list(range(CHUNKS))
        assert len(list(client.chunks(file_id=upload["file_id"], start=1_490, limit=3))) == CHUNKS - 1_490
