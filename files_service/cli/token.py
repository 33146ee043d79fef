"""``files token``: a token for an end user."""

from __future__ import annotations

import click

from files_service.cli.session import Failed, Session
from files_service.runtime.terminal import echo


@click.command()
@click.argument("owner")
@click.option(
    "--ttl-seconds",
    type=click.IntRange(1, 31_536_000),
    default=86_400,
    show_default=True,
    help="Lifetime of the token, or of the session that the link begins.",
)
@click.option("--link", is_flag=True, help="Print the link that signs the owner in to the pages, once.")
@click.pass_obj
def token(session: Session, owner: str, ttl_seconds: int, *, link: bool) -> None:
    """Print a token for an end user.

    OWNER sets it as FILES_TOKEN for the commands, or calls methods over HTTP: `Authorization: Bearer TOKEN`.
    """
    from files_service.gateway.auth.bearer import make_token

    settings = session.settings
    try:
        if link:
            echo(sign_in_link(settings.public_url, owner, settings.jwt_secret, ttl_seconds))
        else:
            echo(make_token(owner, settings.jwt_secret, ttl_seconds))
    except ValueError as error:
        raise Failed(str(error)) from error


def sign_in_link(url: str, owner: str, secret: str, session_seconds: int) -> str:
    """Make the address that signs an owner in to the pages of this gateway, once. Raises ValueError."""
    from files_service.gateway.auth.sign_in_links import make_code

    return f"{url}/sign-in#{make_code(owner, secret, session_seconds)}"
