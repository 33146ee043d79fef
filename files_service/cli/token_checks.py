"""Checks of ``files doctor`` for the tokens that a running gateway accepts."""

from __future__ import annotations

from dataclasses import replace

from files_service.cli.finding import PATIENCE_SECONDS, Finding
from files_service.cli.remote import NotSignedIn, Remote
from files_service.cli.session import Failed
from files_service.config import Settings
from files_service.errors import FilesError

OTHER_SECRETS = "Give this command the secrets of the gateway: the same FILES_DATA_DIR, or the same variable."


def check_tokens(settings: Settings) -> Finding:
    """Call the gateway with each token of these settings: that of the commands, the RPC token, and a user's."""
    from files_service.gateway.auth.bearer import make_token

    signed = make_token("doctor", settings.jwt_secret, 60) if settings.jwt_secret else ""
    named = {"FILES_TOKEN": settings.token, "the RPC token": settings.rpc_token, "tokens of `files token`": signed}
    accepted = []
    for name, token in named.items():
        if not token:
            continue
        remote = Remote(replace(settings, token=token, rpc_timeout_seconds=PATIENCE_SECONDS))
        try:
            remote.call("files.count", {"owner": remote.owner})
        except NotSignedIn as error:
            advice = "Make another: files token OWNER" if name == "FILES_TOKEN" else OTHER_SECRETS
            return Finding("token", f"the gateway refuses {name} ({error.__cause__})", advice)
        except FilesError:
            pass  # the token was accepted; the stores have findings of their own
        except Failed:
            return Finding("token", "not tested: no gateway answers")
        accepted.append(name)
    return Finding("token", f"the gateway accepts {', '.join(accepted)}")
