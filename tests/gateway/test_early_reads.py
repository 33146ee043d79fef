"""A file that is read right after its upload, at each door: to come again, not wrong and not gone."""

from __future__ import annotations

from tests.gateway.owners import bearer
from tests.gateway.serving import Served
from tests.gateway.tus import TUS, made, patch


def test_each_door_says_that_the_file_is_processed_soon(served: Served) -> None:
    record = served.request("POST", "/api/files/upload?name=a&access=public", b"abc", bearer("ann")).json
    file_id = record["file_id"]
    for path in (f"/api/files/{file_id}/download", f"/download/{file_id}?raw=1"):
        early = served.request("GET", path)
        assert (early.status, early.headers["Retry-After"]) == (503, "1"), path
        assert served.request("HEAD", path).status == 503, path
    assert served.request("GET", f"/download/{file_id}").status == 200, "the page says what is going on"
    refused = served.call("files.download", file_id=file_id)
    assert (refused.status, refused.code, refused.error["details"]["status"]) == (412, "wrong_status", "uploaded")
    manifest = served.result("files.manifest", file_id=file_id)
    assert (manifest["upload_size"], manifest["size"]) == (3, 3)
    blob = f"/blobs/{record['parts'][0]['key']}"
    unsigned = served.request("GET", blob)
    assert (unsigned.status, unsigned.code) == (403, "forbidden"), "not public before it was processed"
    served.result("files.process", file_id=file_id)
    for path in (f"/api/files/{file_id}/download", f"/download/{file_id}?raw=1", blob):
        assert served.request("GET", path).body == b"abc"


def test_tus_knows_an_upload_that_is_complete_and_not_processed(served: Served) -> None:
    url = made(served, 3)
    assert patch(served, url, 0, b"abc").status == 204
    head = served.request("HEAD", url, headers=TUS)
    assert (head.status, head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (200, "3", "3")
