"""Credentials and signer of a bucket, by its URL and the options."""

from __future__ import annotations

from typing import Any

import google.auth
from google.auth import exceptions as auth_errors
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import service_account

from storage_adapters.blobs.gcs.api import GcsApi
from storage_adapters.blobs.gcs.location import Location
from storage_adapters.blobs.gcs.signers import AccountSigner, HmacSigner, IamSigner, NoSigner, Signer
from storage_adapters.errors import UnknownStore
from storage_adapters.options import BlobOptions

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def credentials_of(location: Location, options: BlobOptions) -> Any:
    """Return the credentials: of a key file, none for an emulator, or the machine's own. Raises UnknownStore."""
    if location.credentials:
        try:
            return service_account.Credentials.from_service_account_file(location.credentials, scopes=_SCOPES)
        except (OSError, ValueError, auth_errors.GoogleAuthError) as error:
            raise UnknownStore(f"cannot read the key file {location.credentials}: {type(error).__name__}") from None
    if options.storage_emulator_host:
        return AnonymousCredentials()
    try:
        found, _ = google.auth.default(scopes=_SCOPES)
    except auth_errors.DefaultCredentialsError:
        raise UnknownStore(
            "no credentials for Cloud Storage: name a key file (?credentials=FILE), or set"
            " GOOGLE_APPLICATION_CREDENTIALS"
        ) from None
    return found


def signer_of(location: Location, options: BlobOptions, credentials: Any, api: GcsApi) -> Signer:
    """Return the cheapest signer that is configured."""
    if options.gcs_hmac_access_id and options.gcs_hmac_secret:
        return HmacSigner(options.gcs_hmac_access_id, options.gcs_hmac_secret)
    email = location.signer or getattr(credentials, "service_account_email", "")
    if not location.signer and getattr(credentials, "signer_email", None) and hasattr(credentials, "sign_bytes"):
        if isinstance(credentials, service_account.Credentials):
            return AccountSigner(credentials)
        email = credentials.signer_email
    if email:
        return IamSigner(
            email, api.session, endpoint=api.endpoint if options.storage_emulator_host else "", timeout=location.timeout
        )
    if options.storage_emulator_host:
        # Emulators do not check signatures; one that does rejects this.
        return HmacSigner("emulator", "emulator")
    return NoSigner("")
