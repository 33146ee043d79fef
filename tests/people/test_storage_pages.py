"""What the pages tell of storage: figures, days, kinds, the largest files, and downloads by link."""

from __future__ import annotations

import re

from files_service.gateway.pages.charts import HEIGHT, WIDTH, bars_of
from files_service.worker.analytics import Analytics
from tests.cores import call, processed_file
from tests.gateway.serving import Served
from tests.pages.visits import cookie


def text_of(served: Served, path: str) -> str:
    reply = served.request("GET", path, headers=cookie("ann"))
    assert reply.status == 200, reply.body
    return re.sub(r"(<[^>]+>|\s)+", " ", reply.body.decode())


def test_settings_show_where_the_storage_went(served: Served) -> None:
    core = served.core
    large = processed_file(core, b"x" * 3_000, name="large.mov", parts=[{"size": 3_000, "content_type": "video/mp4"}])
    processed_file(core, b"x" * 1_000, name="small.txt", parts=[{"size": 1_000, "content_type": "text/plain"}])
    processed_file(core, b"x" * 9_000, name="of bob.txt", owner="bob")
    call(core, "shares.create", owner="ann", items=[large["file_id"]], title="Never used")
    share = call(core, "shares.create", owner="ann", items=[large["file_id"]], title="Wedding", max_downloads=5)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{served.port}"}
    given = f"file_id={large['file_id']}".encode()
    assert served.request("POST", f"/s/{share['key']}/download", given, form).status == 303
    worker = Analytics(core, holder="worker")
    for _ in range(6):
        worker.step()
    page = text_of(served, "/settings")
    assert "Used 4.0 kB Files 2 Versions 0 B Trash 0 B" in page
    assert re.search(r"Size \d{4}-\d\d-\d\d 2 4\.0 kB", page), "the table of days says what the bars show"
    assert "Videos 1 3.0 kB Documents 1 1.0 kB" in page
    assert "large.mov 3.0 kB small.txt 1.0 kB" in page
    assert "Downloads Wedding 1" in page
    assert "Never used" not in page
    assert "of bob.txt" not in page


def test_bars_are_as_high_as_their_days_and_none_is_invisible() -> None:
    bars = bars_of([{"used": 0}, {"used": 1}, {"used": 500_000}, {"used": 1_000_000}])
    assert [bar.height for bar in bars] == [0, 2, HEIGHT / 2, HEIGHT]
    assert all(bar.y + bar.height == HEIGHT for bar in bars)
    assert bars[-1].x + bars[-1].width <= WIDTH
    assert bars_of([]) == []
