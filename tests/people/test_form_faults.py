"""The forms of people without scripts: each refusal is a sentence beside its field, under the right status."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import urlencode

import pyotp
import pytest

from files_service.errors import BadRequest, Conflict, Forbidden, ServiceUnavailable, TooManyRequests, Unauthorized
from files_service.gateway.pages.faults import fault_of_joining, fault_of_reset, fault_of_sign_in, shown_pause
from tests.cores import call
from tests.gateway.serving import Reply, Served, serving
from tests.people.links import FORM
from tests.people.persons import PASSWORD, appoint, open_people, register


def send(served: Served, path: str, **fields: str) -> Reply:
    headers = {**FORM, "Origin": f"http://127.0.0.1:{served.port}"}
    return served.request("POST", path, urlencode(fields).encode(), headers)


def fault_in(reply: Reply) -> tuple[str, str]:
    """The field that the page marks, "" for none, and the sentence of its fault."""
    text = reply.body.decode()
    [said] = re.findall(r'<p class="fault"[^>]*role="alert">([^<]*)</p>', text)
    marked = re.findall(r'<input id="(\w+)"[^>]*aria-invalid="true"[^>]* autofocus>', text)
    assert text.count(" autofocus") == len(marked)
    return (marked[0] if marked else "", html.unescape(said))


def test_a_wrong_password_keeps_the_name_and_never_the_password(served: Served) -> None:
    register(served)
    root = appoint(served, "root", "operator")
    wrong = send(served, "/sign-in", name="ann", password="not this one")
    assert wrong.status == 401
    assert fault_in(wrong) == ("password", "The name or the password is wrong.")
    assert b'value="ann"' in wrong.body
    assert b"not this one" not in wrong.body
    unknown = send(served, "/sign-in", name="nobody", password="not this one")
    assert fault_in(unknown) == fault_in(wrong)
    assert root.call("accounts.update", owner="ann", disabled=True).status == 200
    closed = send(served, "/sign-in", name="ann", password=PASSWORD)
    assert (closed.status, fault_in(closed)) == (401, fault_in(wrong))


def test_too_many_attempts_say_for_how_long(served: Served) -> None:
    register(served)
    replies = [send(served, "/sign-in", name="ann", password="not this one") for _ in range(7)]
    last = replies[-1]
    assert (last.status, last.headers["Retry-After"].isdigit()) == (429, True)
    field, said = fault_in(last)
    assert field == ""
    assert said.startswith("Too many attempts. Try again in ")
    assert b'value="ann"' in last.body


def test_a_second_factor_is_asked_for_and_a_wrong_one_is_said(served: Served) -> None:
    ann = register(served)
    secret = ann.post("/api/auth/totp").json["secret"]
    assert ann.post("/api/auth/totp", code=pyotp.TOTP(secret).now()).status == 200
    asked = send(served, "/sign-in", name="ann", password=PASSWORD)
    assert asked.status == 401
    assert fault_in(asked) == ("code", "Enter the code that your authenticator app shows now.")
    assert PASSWORD.encode() not in asked.body
    wrong = send(served, "/sign-in", name="ann", password=PASSWORD, code="000000")
    assert fault_in(wrong)[0] == "code"
    assert "wrong or was used already" in fault_in(wrong)[1]


def test_forms_that_make_an_account_keep_what_is_right(tmp_path: Path) -> None:
    with serving(open_people(tmp_path, registration="invite")) as served:
        invite = call(served.core, "accounts.create_invite", uses=2)["code"]
        assert fault_in(send(served, "/join", name="ann", password=PASSWORD)) == (
            "code",
            "An account needs an invite here.",
        )
        ended = send(served, "/join", code="nonsense", name="ann", password=PASSWORD)
        assert (ended.status, fault_in(ended)[0]) == (401, "code")
        short = send(served, "/join", code=invite, name="ann", password="short")
        assert (short.status, fault_in(short)) == (400, ("password", "The password needs 10 characters or more."))
        assert f'type="hidden" name="code" value="{invite}"'.encode() in short.body
        assert b'value="ann"' in short.body
        assert fault_in(send(served, "/join", code=invite, name="A nn", password=PASSWORD))[0] == "name"
        assert send(served, "/join", code=invite, name="ann", password=PASSWORD).status == 303
        taken = send(served, "/join", code=invite, name="ann", password=PASSWORD)
        assert (taken.status, fault_in(taken)) == (409, ("name", "This name is taken. Choose another one."))


def test_an_ended_reset_link_and_a_used_sign_in_link_say_so(served: Served) -> None:
    ended = send(served, "/reset", code="a.b", password=PASSWORD)
    assert (ended.status, fault_in(ended)[0]) == (401, "code")
    assert "Ask for a new one" in fault_in(ended)[1]
    link = send(served, "/sign-in", link="no link")
    assert link.status == 401
    assert fault_in(link)[1].startswith("Not signed in: this is not a sign-in link")


def test_an_ended_session_is_said_on_the_start_page(served: Served) -> None:
    ann = register(served)
    cookie = {"Cookie": f"files_session={ann.token}"}
    assert b"Your files" in served.request("GET", "/", headers=cookie).body
    assert ann.post("/api/auth/logout").status in (200, 204)
    assert b"You are signed out" in served.request("GET", "/", headers=cookie).body
    assert b"You are signed out" not in served.request("GET", "/").body


@pytest.mark.parametrize("seconds", [1, 8, 90, 300])
def test_pauses_are_said_in_words(seconds: int) -> None:
    assert shown_pause(seconds) == {1: "1 second", 8: "8 seconds", 90: "90 seconds", 300: "5 minutes"}[seconds]


def test_other_refusals_are_sentences_too() -> None:
    busy, pause = ServiceUnavailable("no turn"), TooManyRequests("slow", {"retry_after_seconds": 2})
    assert fault_of_sign_in(busy).text.startswith("Many people are signing in")
    assert fault_of_reset(pause).text == "Too many attempts. Try again in 2 seconds."
    assert fault_of_joining(Forbidden("registration is closed"), has_code=False).field == ""
    common = BadRequest("x", {"fields": {"password": ["Is one of the passwords that are tried first."]}})
    assert fault_of_reset(common).text == "The password is one of the passwords that are tried first."
    assert fault_of_joining(Conflict("x"), has_code=True).field == "name"
    assert fault_of_reset(Unauthorized("x")).field == "code"


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/photos", "/photos"),
        ("/download/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/download/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("//evil.example/photos", "/"),
        ("https://evil.example/", "/"),
        ("/photos\r\nX: y", "/"),
        ("/../photos", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_the_page_that_was_wanted_and_never_elsewhere(
    served: Served, wanted: str, reached: str
) -> None:
    register(served)
    page = served.request("GET", f"/sign-in?{urlencode({'to': wanted})}").body.decode()
    assert (f'name="to" value="{reached}"' in page) is (reached != "/")
    wrong = send(served, "/sign-in", name="ann", password="not this one", to=wanted).body.decode()
    assert (f'name="to" value="{reached}"' in wrong) is (reached != "/")
    done = send(served, "/sign-in", name="ann", password=PASSWORD, to=wanted)
    assert (done.status, done.headers["Location"]) == (303, reached)


def test_a_file_that_may_be_ones_own_offers_to_sign_in_first(served: Served) -> None:
    page = served.request("GET", "/download/01ARZ3NDEKTSV4RRFFQ69G5FAV").body.decode()
    assert 'href="/sign-in?to=%2Fdownload%2F01ARZ3NDEKTSV4RRFFQ69G5FAV">Sign in</a>' in page
