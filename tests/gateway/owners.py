"""Owners at the doors: their tokens, and what became of what they sent."""

from __future__ import annotations

from files_service.gateway.auth.bearer import make_token
from tests.cores import SECRETS
from tests.gateway.serving import Served


def bearer(owner: str, ttl_seconds: int = 86_400) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(owner, SECRETS['FILES_JWT_SECRET'], ttl_seconds)}"}


def processed_bytes(served: Served, file_id: str) -> bytes:
    """The bytes of a file that is processed, by the addresses that files.download gives."""
    urls = served.result("files.download", file_id=file_id)["urls"]
    return b"".join(served.request("GET", url).body for url in urls)
