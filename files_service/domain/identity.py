"""The identity that a session or an API key proves, and the actor that services see. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from files_service.domain.accounts import Role, may_have_account, tenant_of
from files_service.domain.scopes import ADMIN, ANALYTICS, SHARES

# Prefixes by which a token tells its kind; no JWT begins with either.
SESSION_PREFIX, KEY_PREFIX = "fs_", "fk_"
FRESH_MS = 15 * 60 * 1000


class Actor(str):
    """An end user: an owner string, with what the session or key that proved it adds to the permissions of the owner.

    Plain text in its place, of a JWT or named by a trusted system, has the permissions of the owner alone.
    ``administers`` is the tenant for whose owners it acts, None for none; ``operates`` is that of operators. With a
    ``folder`` it reaches nothing but the owner's files below that path, one by one. ``is_key`` is True of an API key,
    which has a part of the permissions of its account; ``may_share`` is False of one without the scope for that.
    """

    __slots__ = ("administers", "folder", "is_key", "may_share", "operates")
    administers: str | None
    operates: bool
    folder: str | None
    is_key: bool
    may_share: bool

    def __new__(
        cls,
        owner: str,
        *,
        administers: str | None = None,
        operates: bool = False,
        folder: str | None = None,
        is_key: bool = False,
        may_share: bool = True,
    ) -> Self:
        """Make an actor."""
        actor = super().__new__(cls, owner)
        actor.administers, actor.operates, actor.folder = administers, operates, folder
        actor.is_key, actor.may_share = is_key, may_share
        return actor

    def acts_for(self, owner: str) -> bool:
        """Return True for an owner of the tenant that the actor administers."""
        return (
            self.folder is None
            and self.administers is not None
            and may_have_account(owner)
            and tenant_of(owner) == self.administers
        )

    def reaches(self, path: str | None) -> bool:
        """Return True for a path below the folder of the actor."""
        return self.folder is not None and path is not None and path.startswith(f"{self.folder.strip('/')}/")


def folder_of(actor: str | None) -> str | None:
    """Return the folder to which an actor is bound, None for one that is bound to none."""
    return actor.folder if isinstance(actor, Actor) else None


def may_share(actor: str | None) -> bool:
    """Return True for an actor that may change who reads a file."""
    return not isinstance(actor, Actor) or actor.may_share


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
    folder: str | None = None
    signed_in_at: int | None = None

    @property
    def is_session(self) -> bool:
        """The kind of credential: a session, or else an API key."""
        return self.scopes is None

    @property
    def actor(self) -> Actor:
        """The actor of the credential: an admin acts for its tenant by a session, or by a key with that scope."""
        administers, operates = (self.role is role and self.may(ADMIN) for role in (Role.ADMIN, Role.OPERATOR))
        tenant = self.tenant if administers else None
        return Actor(
            self.owner,
            administers=tenant,
            operates=operates,
            folder=self.folder,
            is_key=not self.is_session,
            may_share=self.may(SHARES),
        )

    def may(self, scope: str) -> bool:
        """Return True when the credential covers a scope, and of a key also the account at this moment.

        What the account of a session may do, each use case decides. A key that is bound to a folder is for files alone.
        """
        if self.folder is not None and scope in (ADMIN, ANALYTICS):
            return False
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
