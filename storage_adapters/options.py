"""Options of a store besides its URL: secrets and addresses."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobOptions:
    """Options of a blob store: signing keys, the base of its URLs, an emulator."""

    signing_key: bytes = field(default=b"", repr=False)
    public_url: str = ""
    gcs_hmac_access_id: str = ""
    gcs_hmac_secret: str = field(default="", repr=False)
    storage_emulator_host: str = ""
    nodes_secret: str = field(default="", repr=False)
    cache_folder: str = ""
    s3_access_key_id: str = ""
    s3_secret_access_key: str = field(default="", repr=False)
