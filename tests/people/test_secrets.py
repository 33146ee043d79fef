"""Secrets of people: in no log, in no error, and in the store only as hashes."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

import pytest

from storage_adapters import DocumentChange, SupportsChanges, document_to_text
from tests.cores import call
from tests.gateway.serving import Served
from tests.people.persons import PASSWORD, login, post, register

NEW = "another long pass phrase"


def test_no_token_code_or_password_is_in_a_log_an_error_or_the_store(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    core = served.core
    ann = register(served)
    key = ann.post("/api/auth/keys", label="x", scopes=["files:read"]).json["key"]
    invite = call(core, "accounts.create_invite")["code"]
    reset = call(core, "accounts.reset", owner="ann")["code"]
    secrets = [PASSWORD, NEW, ann.token, key, invite, reset.partition(".")[2], "a wrong password"]
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{served.port}"}
    replies = [
        login(served, password="a wrong password"),
        post(served, "/api/auth/register", name="ann", password=PASSWORD, invite=invite),
        post(served, "/api/auth/register", name="bob", password="x" * 9, invite=invite, nope=NEW),
        post(served, "/api/auth/password", reset=reset + "x", password=NEW),
        post(served, "/rpc/accounts.identify", {"Authorization": f"Bearer {key}x"}, token=ann.token),
        served.request("POST", "/join", urlencode({"name": "ann", "password": NEW, "code": "x"}).encode(), form),
        served.request("POST", "/sign-in", urlencode({"name": "ann", "password": NEW}).encode(), form),
    ]
    assert all(reply.status >= 400 for reply in replies)
    answers = " ".join(f"{reply.headers} {reply.body.decode()}" for reply in replies)
    logged = caplog.text + " ".join(str(vars(record)) for record in caplog.records)
    assert isinstance(core.metadata, SupportsChanges)
    changes = core.metadata.changes(after="", limit=10_000)
    stored = " ".join(document_to_text(each.document).decode() for each in changes if isinstance(each, DocumentChange))
    assert "ann" in stored
    for secret in secrets:
        assert secret not in answers
        assert secret not in logged
        assert secret not in stored
