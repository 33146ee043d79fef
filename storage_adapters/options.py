"""What a store is told beside its URL: secrets and addresses, which stand in no URL."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobOptions:
    """What a blob store needs beyond its URL: what it signs with, the base of the URLs it hands out, an emulator."""

    signing_key: bytes = field(default=b"", repr=False)
    public_url: str = ""
    gcs_hmac_access_id: str = ""
    gcs_hmac_secret: str = field(default="", repr=False)
    storage_emulator_host: str = ""
