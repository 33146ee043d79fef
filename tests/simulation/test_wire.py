"""Messages as HTTP: each comes back as it was, and nothing but a node's own answer is "absent"."""

from __future__ import annotations

import pytest

from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import NODE_ERRORS, BadRequest, NodeError
from storage_adapters.blobs.nodes.protocol.wire import (
    reply_from_http,
    reply_to_http,
    request_from_http,
    request_to_http,
)

SHA = "ab" * 32
NAME = "owner/file part~?&=%\u00e9"
ENTRY = m.Entry(SHA, 7, 1.5)
REQUESTS: tuple[m.Request, ...] = (
    m.PutChunk(NAME, SHA, b"bytes"),
    m.PutChunk(NAME, SHA, b"bytes", first=True, info='{"name": "ü"}'),
    m.GetIndex(NAME, 5, 10),
    m.FindBlobs((NAME, "b")),
    m.ListBlobs("owner/", NAME, 10),
    m.GetChunk(NAME),
    m.GetChunk(NAME, 5),
    m.GetChunk(NAME, 5, 10),
    m.HeadChunk(NAME),
    m.Have((NAME, "b")),
    m.Verify((NAME,)),
    m.Pull(NAME, SHA, "node1", "http://node1:1"),
    m.TrashChunks((NAME,), "garbage", 7),
    m.TrashChunks((NAME,), "removed"),
    m.RestoreChunks((NAME,), 7),
    m.GetInventory(),
    m.GetInventory(9),
    m.GetPartition(4095),
)
REPLIES: tuple[m.Reply, ...] = (
    m.Stored(SHA, 7, created=True),
    m.Stored(SHA, 7, created=False),
    m.ChunkData(SHA, 7, b"content"),
    m.ChunkData(SHA, 7, b"content", NAME, '{"name": "ü"}'),
    m.Blobs({NAME: ("a", "b")}),
    m.BlobPage({NAME: "info"}, NAME),
    m.Absent(),
    m.Present({NAME: ENTRY}),
    m.Receipts({NAME: SHA}, ("b",), ("c",)),
    m.Moved((NAME,), ("b",)),
    m.Inventory(complete=False, boot_id="boot", partitions={3: m.PartitionSum(1, 7, 2**64 - 1)}),
    m.InventoryPage(complete=True, boot_id="boot", entries={NAME: ENTRY}),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_a_request_comes_back_as_it_was(request_: m.Request) -> None:
    sent = request_to_http(request_)
    assert request_from_http(sent.method, sent.path, sent.headers, sent.body) == request_
    assert sent.path.isascii()
    assert all(value.isascii() for value in sent.headers.values())


@pytest.mark.parametrize("reply", REPLIES, ids=lambda each: type(each).__name__)
def test_a_reply_comes_back_as_it_was(reply: m.Reply) -> None:
    sent = reply_to_http(reply)
    assert reply_from_http(sent.status, sent.headers, sent.body) == reply


@pytest.mark.parametrize("kind", NODE_ERRORS.values())
def test_an_error_comes_back_as_it_was(kind: type[NodeError]) -> None:
    sent = reply_to_http(kind("because"))
    with pytest.raises(kind):
        reply_from_http(sent.status, sent.headers, sent.body)


@pytest.mark.parametrize("status", [200, 404, 410, 500, 502])
def test_the_answer_of_another_server_is_an_error_and_never_absent(status: int) -> None:
    with pytest.raises(NodeError):
        reply_from_http(status, {"Content-Type": "text/html"}, b"<h1>Not Found</h1>")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/chunk", b""),
        ("POST", "/have", b"[]"),
        ("POST", "/have", b'{"chunk_ids": [1]}'),
        ("DELETE", "/chunks", b'{"chunk_ids": ["a"], "reason": "because"}'),
        ("GET", "/inventory/x", b""),
        ("PUT", "/chunk/a", b""),
    ],
)
def test_a_malformed_request_is_refused(method: str, path: str, body: bytes) -> None:
    with pytest.raises(BadRequest):
        request_from_http(method, path, {}, body)
