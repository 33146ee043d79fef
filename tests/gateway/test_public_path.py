"""A public address with a path: addresses that the gateway names have it."""

from __future__ import annotations

from pathlib import Path

from tests.cores import sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import serving
from tests.gateway.tus import TUS


def test_addresses_that_are_named_begin_with_the_path_of_the_public_address(tmp_path: Path) -> None:
    core = sqlite_core(tmp_path, public_url="https://files.example/service/", form_upload_bytes=10)
    with serving(core) as served:
        made = served.request("POST", "/api/files/upload?name=a", b"abc", bearer("ann"))
        assert made.headers["Location"] == f"/service/api/files/{made.json['file_id']}"
        refused = served.request("POST", "/api/files/upload?name=a", b"x" * 11, bearer("ann"))
        assert refused.error["details"]["doors"] == ["/service/tus/", "/service/ws/upload"]
        assert served.request("GET", "/openapi.json").json["servers"] == [{"url": "/service"}]
        for address in ("/tus", "/tus/"):
            upload = served.request("POST", address, None, {**TUS, "Upload-Length": "3"})
            assert upload.headers["Location"].startswith("/service/tus/")
            assert served.request("OPTIONS", address).headers["Tus-Version"] == "1.0.0"
