"""A house full of files: a gateway where people have something of everything that the pages show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from files_service.worker.analytics import Analytics
from files_service.worker.inboxes import Inboxes
from tests.cores import at, pending_file, processed_file
from tests.gateway.serving import Served, serving
from tests.pages.pictures import png
from tests.people.links import PASSWORD, Visitor
from tests.people.persons import JSON_TYPE, Person, appoint, open_people
from tests.unit.cards.scenes import OWNER, brought, copied, verified

LONG = "a_long_name_without_a_space_" * 6 + ".tar.gz"
DAY_MS = 86_400_000
PICTURES = 9
FILES = 12


@dataclass
class House:
    """Its gateway, who lives there, and the addresses of what was made."""

    served: Served
    people: dict[str, Person] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.served.port}"


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """Serve a house for as long as the block runs."""
    core = open_people(folder, registration="invite", development=True)
    with serving(core) as served:
        house = House(served)
        house.people = {name: appoint(served, name, role) for name, role in ((OWNER, "operator"), ("new", "user"))}
        _bring_files(house)
        _bring_card(house)
        _share(house)
        _delete(house)
        _work(served)
        yield house


def _bring_files(house: House) -> None:
    core = house.served.core
    for number in range(FILES):
        access = ("private", "unlisted", "public", "shared")[number % 4]
        processed_file(core, b"x" * (number + 1) ** 2, owner=OWNER, name=f"Clip {number:02}.bin", access=access)
    for name in (LONG, "\u0645\u0631\u062d\u0628\u0627 2026.txt", "<b>bold</b> & co.html", "words and words " * 9):
        processed_file(core, b"words", owner=OWNER, name=name.strip())
    for path in ("Trips/Harbour/fog.txt", "Trips/list.txt", f"{'Very long name of a folder ' * 4}/a.txt"):
        processed_file(core, b"in a folder", owner=OWNER, name=path.rpartition("/")[2], path=path)
    pending_file(core, b"half", owner=OWNER, name="Half.mov")
    for number in range(PICTURES):
        content = png(300 + 20 * number, 200 + 15 * (number % 4))
        parts = [{"size": len(content), "content_type": "image/png"}]
        earlier = at(core, core.clock() - number // 4 * 40 * DAY_MS)
        record = processed_file(earlier, content, owner=OWNER, name=f"Picture {number}.png", parts=parts)
        house.paths[f"picture {number}"] = record["file_id"]
    newest = processed_file(core, b"newest", owner=OWNER, name="Notes.txt", path="Notes.txt")
    house.paths["file"] = f"/download/{newest['file_id']}"
    house.paths["versions"] = f"/versions/{newest['file_id']}"


def _bring_card(house: House) -> None:
    core = house.served.core
    gone = {"path": f"DCIM/{LONG}", "size": 1, "mtime_at": 1, "status": "unreadable", "reason": "no answer"}
    session = copied(core, [brought(core, "DCIM/A.MP4"), brought(core, "DCIM/B.MP4"), gone])
    house.paths["card"] = f"/cards/{verified(core, session['session_id'])['session_id']}"


def _share(house: House) -> None:
    ann = house.people[OWNER]
    pictures = [house.paths[f"picture {number}"] for number in range(4)]
    plain = house.paths["file"].rpartition("/")[2]
    made = {
        "one": {"items": [plain], "title": "Notes", "message": "Please read"},
        "gallery": {"items": pictures, "title": "Weekend by the sea", "label": "Weekend " * 12},
        "folder": {"path": "Trips", "title": "Trips"},
        "locked": {"items": [plain], "password": PASSWORD, "max_downloads": 3},
        "drop": {"kind": "drop", "title": "Send me your photos", "path": "Received"},
        "ended": {"items": [plain], "title": "Revoked"},
        "paused": {"items": [plain], "title": "Paused"},
    }
    for name, given in made.items():
        share = ann.post("/api/shares", **given).json
        house.paths[name] = f"/s/{share['key']}"
        if name == "ended":
            ann.delete(f"/api/shares/{share['share_id']}")
        elif name == "paused":
            body = json.dumps({"state": "paused"}).encode()
            ann.request("PATCH", f"/api/shares/{share['share_id']}", body, JSON_TYPE)
    Visitor(house.served, house.paths["one"]).download(plain)


def _delete(house: House) -> None:
    core = house.served.core
    for name in ("Deleted.bin", LONG):
        file_id = processed_file(core, b"deleted", owner=OWNER, name=name, path=f"Old/{name}")["file_id"]
        house.people[OWNER].post("/api/files/bulk", action="trash", items=[{"file_id": file_id}])


def _work(served: Served) -> None:
    """Do what a worker does beside the files."""
    for worker in (Analytics(served.core, holder="house"), Inboxes(served.core, holder="house")):
        for _ in range(10):
            worker.step()
        worker.give_up()
