"""Registration, sign-in, use of the session at the doors, and sign-out."""

from __future__ import annotations

from tests.gateway.serving import Served
from tests.people.persons import PASSWORD, Person, login, post, register


def test_a_person_registers_signs_in_uses_the_session_and_signs_out(served: Served) -> None:
    made = post(served, "/api/auth/register", name="Ann", password=PASSWORD)
    assert (made.status, made.json["account"]["owner"], made.json["account"]["role"]) == (201, "ann", "user")
    reply = login(served)
    ann = Person(served, reply.json["token"])
    assert ann.get("/api/auth/me").json["account"] == reply.json["account"]
    file_id = ann.upload()
    assert [each["file_id"] for each in ann.get("/api/files").json["files"]] == [file_id]
    assert ann.get(f"/api/files/{file_id}").json["size"] == 7
    assert ann.call("files.count", owner="ann").json["result"]["total"] == 1
    assert ann.request("POST", "/api/auth/logout").json == {"ended": True}
    assert [ann.get(path).status for path in ("/api/auth/me", "/api/files")] == [401, 401]
    assert ann.call("files.count", owner="ann").status == 401


def test_files_of_one_person_are_hidden_from_another(served: Served) -> None:
    ann, bob = register(served), register(served, "bob")
    file_id = ann.upload()
    assert bob.get(f"/api/files/{file_id}").status == 403
    assert bob.call("files.count", owner="ann").status == 403
    assert bob.call("files.count", owner="ann", actor="ann").status == 403
