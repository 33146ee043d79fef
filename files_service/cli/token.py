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
    help="Lifetime of the token.",
)
@click.pass_obj
def token(session: Session, owner: str, ttl_seconds: int) -> None:
    """Print a token for an end user.

    OWNER uses it to call methods over HTTP: `Authorization: Bearer TOKEN`.
    """
    from files_service.gateway.auth.bearer import make_token

    try:
        echo(make_token(owner, session.settings.jwt_secret, ttl_seconds))
    except ValueError as error:
        raise Failed(str(error)) from error
