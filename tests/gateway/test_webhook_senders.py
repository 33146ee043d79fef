"""Who may push: signed tokens, the shared token, and nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from files_service.config import BadSettings
from files_service.errors import ServiceUnavailable
from files_service.gateway.auth.certificates import GRACE_SECONDS, LEAST_SECONDS, Certificates
from files_service.services.opening import open_core
from tests.clocks import Clock
from tests.cores import settings_for
from tests.fakes.gcs.server import FakeGcs
from tests.fakes.gcs.tokens import KEY_ID, pem, private_key
from tests.fakes.pubsub.notices import description, message, wrapped
from tests.gateway.serving import RPC_TOKEN, Reply, Served, serving

PUBSUB = "/webhooks/gcs/pubsub"
EMAIL = "pusher@demo.iam.gserviceaccount.com"
AUDIENCE = "https://files.example.org/webhooks/gcs/pubsub"
TOKEN = "webhook-token-for-tests-0123456789abcdef"
BODY = wrapped(message(description("a/b", b"")))
NOW = int(time.time())


@pytest.fixture(scope="module")
def google() -> Iterator[FakeGcs]:
    with FakeGcs() as fake:
        yield fake


@contextmanager
def gateway_for(tmp_path: Path, **environ: str) -> Iterator[Served]:
    environ = {"FILES_METADATA_URL": "memory://", "FILES_BLOBS_URL": "memory://", **environ}
    with serving(open_core(settings_for(tmp_path, **environ))) as served:
        yield served


@pytest.fixture
def signed(tmp_path: Path, google: FakeGcs) -> Iterator[Served]:
    """A gateway that takes the pushes of one service account."""
    with gateway_for(
        tmp_path,
        FILES_WEBHOOK_EMAIL=EMAIL,
        FILES_WEBHOOK_AUDIENCE=AUDIENCE,
        FILES_WEBHOOK_CERTS_URL=f"{google.url}/oauth2/v3/certs",
    ) as served:
        yield served


def push(served: Served, path: str = PUBSUB, **headers: str) -> Reply:
    return served.request("POST", path, BODY, {"Content-Type": "application/json", **headers})


def push_as(served: Served, token: str) -> Reply:
    return push(served, Authorization=f"Bearer {token}")


def test_a_signed_push_is_taken(signed: Served, google: FakeGcs) -> None:
    token = google.tokens.id_token(email=EMAIL, audience=AUDIENCE)
    assert [push_as(signed, token).status for _ in range(3)] == [204] * 3
    short_issuer = google.tokens.id_token(email=EMAIL, audience=AUDIENCE, iss="accounts.google.com")
    assert push_as(signed, short_issuer).status == 204


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"email": "other@demo.iam.gserviceaccount.com"}, 403),
        ({"email": None}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": "true"}, 403),
        ({"aud": "https://elsewhere.example.org"}, 403),
        ({"aud": None}, 401),
        ({"aud": []}, 401),
        ({"iss": "https://evil.example.org"}, 403),
        ({"iss": "https://accounts.google.com.evil.example.org"}, 403),
        ({"exp": NOW - 60, "iat": NOW - 3_600}, 401),
        ({"exp": "soon"}, 401),
        ({"exp": None}, 401),
        ({"iat": NOW + 86_400}, 401),
        ({"nbf": NOW + 86_400}, 401),
    ],
)
def test_a_token_with_another_claim_is_refused(
    signed: Served, google: FakeGcs, claims: dict[str, Any], status: int
) -> None:
    reply = push_as(signed, google.tokens.id_token(**{"email": EMAIL, "audience": AUDIENCE, **claims}))
    assert (reply.status, reply.code) == (status, {401: "unauthorized", 403: "forbidden"}[status])


def test_clocks_may_differ_by_some_seconds(signed: Served, google: FakeGcs) -> None:
    now = int(time.time())
    for claims in ({"iat": now + 45, "nbf": now + 45, "exp": now + 3_600}, {"iat": now - 3_600, "exp": now - 1}):
        assert push_as(signed, google.tokens.id_token(email=EMAIL, audience=AUDIENCE, **claims)).status == 204


@cache
def forgeries() -> dict[str, str]:
    """Tokens that say the right thing and are signed by the wrong key, or in a wrong way."""
    claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": EMAIL, "email_verified": True}
    claims |= {"iat": NOW, "exp": NOW + 86_400}
    stranger = pem(rsa.generate_private_key(public_exponent=65_537, key_size=2_048))
    right = jwt.encode(claims, pem(private_key(KEY_ID)), algorithm="RS256", headers={"kid": KEY_ID})
    head, _, signature = right.split(".")
    other_body = jwt.encode({**claims, "sub": "2"}, stranger, algorithm="RS256").split(".")[1]
    return {
        "a key of somebody else": jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": KEY_ID}),
        "an unknown key": jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": "invented"}),
        "no key id": jwt.encode(claims, stranger, algorithm="RS256"),
        "no signature at all": jwt.encode(claims, "", algorithm="none", headers={"kid": KEY_ID}),
        "an HMAC": jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": KEY_ID}),
        "another body": f"{head}.{other_body}.{signature}",
        "a cut signature": right[:-20],
        "nothing but dots": "..",
        "garbage": "garbage",
        "base64 of garbage": "!!!.???.***",
        "something endless": "a" * 5_000,
        "the token of callers": RPC_TOKEN,
    }


@pytest.mark.parametrize("forgery", sorted(forgeries()))
def test_a_forged_token_is_refused(signed: Served, forgery: str) -> None:
    reply = push_as(signed, forgeries()[forgery])
    assert (reply.status, reply.code) == (401, "unauthorized")


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Basic eDp5"}])
def test_without_a_token_nothing_is_taken(signed: Served, headers: dict[str, str]) -> None:
    reply = push(signed, **headers)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert push(signed, f"{PUBSUB}?token=", **headers).status == 401


def test_where_no_sender_is_configured_nobody_may_push(gateway: Served, google: FakeGcs) -> None:
    assert push(gateway).status == 403
    assert push(gateway, f"{PUBSUB}?token=").status == 403
    assert push(gateway, **{"X-Files-Token": ""}).status == 403
    assert push_as(gateway, google.tokens.id_token(email="", audience="")).status == 403


def test_the_shared_token_is_taken_in_any_of_its_places_and_nowhere_else(tmp_path: Path) -> None:
    with gateway_for(tmp_path, FILES_WEBHOOK_TOKEN=TOKEN) as served:
        assert push(served, f"{PUBSUB}?token={TOKEN}").status == 204
        assert push(served, **{"X-Files-Token": TOKEN}).status == 204
        assert push_as(served, TOKEN).status == 204
        for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é"):
            assert push(served, **{"X-Files-Token": wrong}).status == 401
            assert push(served, f"{PUBSUB}?token={wrong.replace('é', '%C3%A9')}").status == 401
        # What is no text is told apart before anybody looks at it as a token.
        assert push(served, f"{PUBSUB}?token=%E9").status == 400


@pytest.mark.parametrize("name", ["FILES_WEBHOOK_TOKEN", "FILES_WEBHOOK_CHANNEL_TOKEN"])
def test_a_short_token_stops_the_start(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSettings, match="at least 32 characters"):
        settings_for(tmp_path, **{name: "x" * 31})


def test_both_ways_may_be_open(tmp_path: Path, google: FakeGcs) -> None:
    certs = f"{google.url}/oauth2/v1/certs"
    with gateway_for(
        tmp_path,
        FILES_WEBHOOK_TOKEN=TOKEN,
        FILES_WEBHOOK_EMAIL=EMAIL,
        FILES_WEBHOOK_CERTS_URL=certs,
        FILES_PUBLIC_URL="https://files.example.org/",
    ) as served:
        assert push(served, **{"X-Files-Token": TOKEN}).status == 204
        # The audience is the address itself where none is set; these keys come as certificates.
        assert push_as(served, google.tokens.id_token(email=EMAIL, audience=AUDIENCE)).status == 204
        assert push(served).status == 401


def test_a_refused_push_is_counted_and_its_body_never_read(signed: Served) -> None:
    with signed.connect() as connection:
        connection.sendall(
            f"POST {PUBSUB} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")
    assert b'files_notifications_total{outcome="refused",source="push"} 1.0' in signed.request("GET", "/metrics").body


def test_keys_that_cannot_be_had_are_our_failure(tmp_path: Path, google: FakeGcs) -> None:
    with gateway_for(
        tmp_path, FILES_WEBHOOK_EMAIL=EMAIL, FILES_WEBHOOK_CERTS_URL=f"{google.url}/nothing/here"
    ) as served:
        reply = push_as(served, google.tokens.id_token(email=EMAIL, audience=AUDIENCE))
        assert (reply.status, reply.code) == (503, "service_unavailable")


def test_a_remembered_token_ends_with_its_time(
    signed: Served, google: FakeGcs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from files_service.gateway.doors.webhooks.receiver import RECEIVER

    token = google.tokens.id_token(email=EMAIL, audience=AUDIENCE)
    assert push_as(signed, token).status == 204
    senders = signed.state_of(RECEIVER).senders
    before = google.requests("GET", "certs")
    assert push_as(signed, token).status == 204
    assert google.requests("GET", "certs") == before
    monkeypatch.setattr(senders, "_remembered", dict.fromkeys(senders._remembered, time.time() - 1))
    monkeypatch.setattr(senders, "_audience", "https://changed.example.org")
    assert push_as(signed, token).status == 403


class TestCertificates:
    """When keys are fetched."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def keys(self, google: FakeGcs, clock: Clock) -> Certificates:
        google.log.clear()
        return Certificates(f"{google.url}/oauth2/v3/certs", clock=lambda: clock() / 1_000)

    def test_they_are_fetched_when_first_needed_and_kept_as_long_as_allowed(
        self, keys: Certificates, google: FakeGcs, clock: Clock
    ) -> None:
        assert google.requests() == 0
        for _ in range(3):
            assert keys.key(KEY_ID) is not None
        assert google.requests() == 1
        clock.pass_seconds(3_599)
        assert keys.key(KEY_ID) is not None
        assert google.requests() == 1
        clock.pass_seconds(2)
        assert keys.key(KEY_ID) is not None
        assert google.requests() == 2

    def test_an_unknown_key_has_them_fetched_anew_but_not_every_time(
        self, keys: Certificates, google: FakeGcs, clock: Clock
    ) -> None:
        assert keys.key(KEY_ID) is not None
        for number in range(20):
            assert keys.key(f"invented-{number}") is None
        assert google.requests() == 1
        clock.pass_seconds(LEAST_SECONDS)
        for number in range(20):
            assert keys.key(f"invented-{number}") is None
        assert google.requests() == 2

    def test_keys_that_cannot_be_renewed_serve_on_for_a_day(
        self, keys: Certificates, google: FakeGcs, clock: Clock
    ) -> None:
        assert keys.key(KEY_ID) is not None
        clock.pass_seconds(4_000)
        google.faults.fail(500, times=2, part_of_path="certs")
        assert keys.key(KEY_ID) is not None
        assert google.requests() == 2
        clock.pass_seconds(GRACE_SECONDS)
        with pytest.raises(ServiceUnavailable):
            keys.key(KEY_ID)
        clock.pass_seconds(LEAST_SECONDS)
        assert keys.key(KEY_ID) is not None

    @pytest.mark.parametrize("document", ["[]", "{}", '{"keys": []}', '{"keys": [{"kty": "RSA", "kid": "x"}]}', "{"])
    def test_what_are_no_keys_is_no_answer(
        self, keys: Certificates, document: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import requests

        def answer(*_args: object, **_more: object) -> requests.Response:
            response = requests.Response()
            response.status_code, response._content = 200, document.encode()
            return response

        monkeypatch.setattr(requests, "get", answer)
        with pytest.raises(ServiceUnavailable):
            keys.key(KEY_ID)


def test_settings_show_no_other_way_in(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    assert (settings.webhook_email, settings.webhook_token, settings.webhook_channel_token) == ("", "", "")
    assert json.dumps(replace(settings, webhook_token=TOKEN).webhook_audience) == '""'
