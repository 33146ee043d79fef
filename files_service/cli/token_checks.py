"""Checks of ``files doctor`` for the tokens and signatures that a running gateway accepts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from http.client import HTTPException

from files_service.cli.finding import PATIENCE_SECONDS, Finding
from files_service.cli.remote import NotSignedIn, Remote
from files_service.cli.session import Failed
from files_service.config import Settings
from files_service.domain.uploads import part_key
from files_service.errors import FilesError, Forbidden, NotFound
from files_service.runtime.clock import now_ms
from files_service.services.opening import open_blobs
from storage_adapters import StorageError, SupportsSignedUrls, UnknownStore, VerifiesSignedUrls

OTHER_SECRETS = "Give this command the secrets of the gateway: the same FILES_DATA_DIR, or the same variable."


def check_tokens(settings: Settings) -> Finding:
    """Use each secret of these settings at the gateway: tokens of commands, systems and users, and a signed URL."""
    from files_service.gateway.auth.bearer import make_token

    settings = replace(settings, rpc_timeout_seconds=PATIENCE_SECONDS)
    signed = make_token("doctor", settings.jwt_secret, 60) if settings.jwt_secret else ""
    named = {"FILES_TOKEN": settings.token, "the RPC token": settings.rpc_token, "tokens of `files token`": signed}
    accepted = []
    for name, token in named.items():
        if not token:
            continue
        remote = Remote(replace(settings, token=token))
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
    try:
        accepted += _signed_urls(settings)
    except Forbidden as error:
        return Finding("token", f"the gateway refuses signed URLs ({error})", OTHER_SECRETS)
    return Finding("token", f"the gateway accepts {', '.join(accepted)}")


def _signed_urls(settings: Settings) -> list[str]:
    """Ask for a blob that is none; return the name of the URL, nothing of a store that serves its URLs itself.

    Raises Forbidden when the gateway has another key.
    """
    if not settings.signing_key:
        return []
    try:
        with closing(open_blobs(settings)) as store:
            if not isinstance(store, SupportsSignedUrls) or not isinstance(store, VerifiesSignedUrls):
                return []
            signed = store.sign("GET", part_key("doctor", "0" * 26, "p0"), expires_at=now_ms() + 60_000)
        remote = Remote(settings)
        with remote.get(signed.url, {}) as answer:
            remote.result(answer.status, answer.read())
    except Forbidden:
        raise
    except NotFound:
        return ["signed URLs"]
    except (FilesError, Failed, UnknownStore, StorageError, OSError, HTTPException):
        pass  # the gateway and the stores have findings of their own
    return []
