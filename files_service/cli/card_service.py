"""The service to which cards are brought, and its token."""

from __future__ import annotations

from files_service.cli.remote import DEFAULT_OWNER
from files_service.config import Settings
from files_service.errors import Unauthorized
from files_service.ingest.config import BadConfig, WatchConfig, read_token
from files_service.ingest.service import Service

ADVICE = "Write a token, as `files token OWNER` prints it, into ~/.config/files/token, or set FILES_TOKEN."
TOKEN_SECONDS = 24 * 3600


def card_service(settings: Settings, config: WatchConfig, owner: str = DEFAULT_OWNER) -> Service:
    """Return the service that the configuration or the settings name.

    The token is that of FILES_TOKEN, of the token file or of the configuration; in the folder of the service its secret
    makes one for the owner. Without any, reading it raises Unauthorized, as does a token that others may read.
    """
    from files_service.gateway.auth.bearer import make_token

    url = (config.url or settings.public_url).rstrip("/")

    def read() -> str:
        try:
            token = read_token(config) or settings.token
        except BadConfig as error:
            raise Unauthorized(str(error)) from error
        if not token and settings.jwt_secret and url == settings.public_url:
            token = make_token(owner, settings.jwt_secret, TOKEN_SECONDS)
        if not token:
            raise Unauthorized(f"there is no token for {url}: set FILES_TOKEN, or write one into ~/.config/files/token")
        return token

    return Service(url=url, read_token=read)
