"""V4 signed URLs by the public conformance vectors of Google, see ``tests/data/v4_signatures.json``."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from storage_adapters.blobs.gcs.signers import Signer
from storage_adapters.blobs.gcs.signing import moment_of, sign_url

VECTORS = json.loads((Path(__file__).parents[1] / "data/v4_signatures.json").read_text())["signingV4Tests"]


class Notary(Signer):
    """The account of the vectors, without its key: what is signed decides the signature."""

    algorithm = "GOOG4-RSA-SHA256"

    def __init__(self) -> None:
        super().__init__("test-iam-credentials@dummy-project-id.iam.gserviceaccount.com")
        self.text = ""

    def sign(self, day: str, text: bytes) -> str:
        """Note the text."""
        self.text = text.decode()
        return "signature"


def address_of(vector: dict[str, Any]) -> tuple[str, str]:
    """Endpoint and path, as the store would be configured: the endpoint on the client wins over the emulator."""
    bucket, name, scheme = vector["bucket"], vector.get("object") or "", vector.get("scheme") or "https"
    path = f"/{name}"
    match vector.get("urlStyle"):
        case "BUCKET_BOUND_HOSTNAME":
            return f"{scheme}://{vector['bucketBoundHostname']}", path
        case "VIRTUAL_HOSTED_STYLE":
            return f"{scheme}://{bucket}.storage.{vector.get('universeDomain', 'googleapis.com')}", path
    endpoint = (
        vector.get("hostname")
        or vector.get("clientEndpoint")
        or vector.get("emulatorHostname")
        or f"storage.{vector.get('universeDomain', 'googleapis.com')}"
    )
    if "://" not in endpoint:
        endpoint = f"{scheme}://{endpoint}"
    return endpoint, f"/{bucket}" + (path if name else "")


def test_there_are_twenty_nine_vectors() -> None:
    assert len(VECTORS) == 29


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["description"] for vector in VECTORS])
def test_a_url_is_signed_as_google_signs_it(vector: dict[str, Any]) -> None:
    notary = Notary()
    endpoint, path = address_of(vector)
    url = sign_url(
        notary,
        vector["method"],
        endpoint,
        path,
        moment=moment_of(datetime.fromisoformat(vector["timestamp"]).timestamp()),
        seconds=vector["expiration"],
        headers=vector.get("headers") or {},
        query=vector.get("queryParameters") or {},
    )
    assert notary.text == vector["expectedStringToSign"]
    assert url == vector["expectedUrl"].partition("&X-Goog-Signature=")[0] + "&X-Goog-Signature=signature"
