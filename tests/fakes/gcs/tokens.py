"""Who is who: OIDC tokens of pushes, access tokens of service accounts, and the signBlob of IAM."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

from tests.fakes.gcs.errors import Refused
from tests.fakes.gcs.messages import Answer, Request, json_answer

KEY_ID = "fake-google-key"
_CACHED = {"Cache-Control": "public, max-age=3600"}
ISSUER = "https://accounts.google.com"


_keys: dict[str, rsa.RSAPrivateKey] = {}
_making = threading.Lock()


def private_key(name: str) -> rsa.RSAPrivateKey:
    """The key of this name; made once, as that takes its time, however many ask for it at the same time."""
    with _making:
        if name not in _keys:
            _keys[name] = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        return _keys[name]


def pem(key: rsa.RSAPrivateKey) -> str:
    """A private key as files have it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class Tokens:
    """Google's side of identities. ``sign_blob_calls`` counts what each costs a round trip."""

    def __init__(self, clock: Callable[[], float], base: str) -> None:
        self.sign_blob_calls = 0
        self._clock, self._base = clock, base
        self._accounts: dict[str, rsa.RSAPrivateKey] = {}

    def service_account(self, email: str) -> dict[str, Any]:
        """Make a service account; returns the content of its key file."""
        self._accounts[email] = private_key(email)
        return {
            "type": "service_account",
            "project_id": "demo",
            "private_key_id": f"key-of-{email}",
            "private_key": pem(self._accounts[email]),
            "client_email": email,
            "client_id": "1",
            "token_uri": f"{self._base}/token",
        }

    def public_key(self, email: str) -> rsa.RSAPublicKey:
        """The public half of a service account's key."""
        return self._accounts[email].public_key()

    def id_token(self, *, email: str, audience: str, **claims: Any) -> str:
        """The token with which a push says who sends it; ``claims`` replace what would be there."""
        now = int(self._clock())
        payload = {
            "iss": ISSUER,
            "aud": audience,
            "azp": "1",
            "sub": "1",
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + 3_600,
            **claims,
        }
        return jwt.encode(payload, pem(private_key(KEY_ID)), algorithm="RS256", headers={"kid": KEY_ID})

    def handle(self, request: Request) -> Answer:
        """Answer requests for certificates, access tokens and signatures."""
        match request.path:
            case "/oauth2/v1/certs":
                return json_answer({KEY_ID: _certificate()}, headers=_CACHED)
            case "/oauth2/v3/certs":
                key = json.loads(RSAAlgorithm.to_jwk(private_key(KEY_ID).public_key()))
                keys = [{**key, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]
                return json_answer({"keys": keys}, headers=_CACHED)
            case "/token":
                request.body()
                return json_answer({"access_token": "fake-token", "expires_in": 3_599, "token_type": "Bearer"})
        email, _, verb = request.path.rpartition("/")[2].partition(":")
        if verb != "signBlob" or email not in self._accounts:
            raise Refused(404, "NOT_FOUND", "No such service account.", reason="notFound")
        self.sign_blob_calls += 1
        payload = base64.b64decode(request.json()["payload"])
        signature = self._accounts[email].sign(payload, PKCS1v15(), hashes.SHA256())
        return json_answer({"keyId": f"key-of-{email}", "signedBlob": base64.b64encode(signature).decode()})


@cache
def _certificate() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake")])
    key = private_key(KEY_ID)
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3_650))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()
