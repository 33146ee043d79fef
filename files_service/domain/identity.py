"""The identity that a session or an API key proves. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from files_service.domain.accounts import Role
from files_service.domain.scopes import ADMIN

# Prefixes by which a token tells its kind; no JWT begins with either.
SESSION_PREFIX, KEY_PREFIX = "fs_", "fk_"
FRESH_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A signed-in account. ``scopes`` None is a session, which may do all that the account may do."""

    account_id: str
    owner: str
    tenant: str
    role: Role
    credential_id: str
    expires_at: int | None
    scopes: frozenset[str] | None = None
    signed_in_at: int | None = None

    @property
    def is_session(self) -> bool:
        """The kind of credential: a session, or else an API key."""
        return self.scopes is None

    def may(self, scope: str) -> bool:
        """Return True when the credential covers a scope, and of a key also the account at this moment.

        What the account of a session may do, each use case decides.
        """
        return self.scopes is None or (scope in self.scopes and self.may_give(scope))

    def may_give(self, scope: str) -> bool:
        """Return True when the account may have keys of a scope."""
        return scope != ADMIN or self.role is not Role.USER

    def is_fresh(self, now: int) -> bool:
        """Return True for a session whose password was given in the last minutes."""
        return self.signed_in_at is not None and now - self.signed_in_at < FRESH_MS


def is_peoples(token: str) -> bool:
    """Return True for a token in the form of a session or an API key."""
    return token.startswith((SESSION_PREFIX, KEY_PREFIX))
