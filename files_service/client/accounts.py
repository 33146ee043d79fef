"""Methods of accounts: one typed method per API method."""

from __future__ import annotations

from typing import Any, Unpack

from files_service.client import account_parameters as params
from files_service.client import account_results as results
from files_service.client.caller import Caller, named
from files_service.client.parameters import ActorParams, OwnerParams


class AccountMethods(Caller):
    """Accounts of people, and what they sign in with."""

    def register(self, **given: Unpack[params.RegisterParams]) -> results.SignedIn:
        """Make an account, as the settings allow it, and sign in."""
        return self._call("accounts.register", named(given))

    def login(self, **given: Unpack[params.LoginParams]) -> results.SignedIn:
        """Sign in by name and password; returns the token of the new session."""
        return self._call("accounts.login", given)

    def logout(self, **given: Unpack[params.TokenParams]) -> dict[str, Any]:
        """End the session of a token; repeating the call is harmless."""
        return self._call("accounts.logout", given)

    def identify(self, **given: Unpack[params.TokenParams]) -> results.Identity:
        """Return the account that a session's token or an API key proves."""
        return self._call("accounts.identify", given)

    def set_password(self, **given: Unpack[params.SetPasswordParams]) -> dict[str, Any]:
        """Change one's password by the current one, or set it by the code of a reset link; other sessions end."""
        return self._call("accounts.set_password", named(given))

    def list_sessions(self, **given: Unpack[params.TokenParams]) -> dict[str, Any]:
        """Return one's own sessions, oldest first."""
        return self._call("accounts.list_sessions", given)

    def end_session(self, **given: Unpack[params.EndSessionParams]) -> dict[str, Any]:
        """End one of one's own sessions."""
        return self._call("accounts.end_session", given)

    def end_sessions(self, **given: Unpack[params.TokenParams]) -> dict[str, Any]:
        """End all of one's own sessions, this one too."""
        return self._call("accounts.end_sessions", given)

    def create_key(self, **given: Unpack[params.CreateKeyParams]) -> results.CreatedKey:
        """Create an API key; the answer alone has the key itself."""
        return self._call("accounts.create_key", named(given))

    def list_keys(self, **given: Unpack[params.TokenParams]) -> dict[str, Any]:
        """Return one's own API keys without the keys themselves."""
        return self._call("accounts.list_keys", given)

    def revoke_key(self, **given: Unpack[params.RevokeKeyParams]) -> dict[str, Any]:
        """End one of one's own API keys."""
        return self._call("accounts.revoke_key", given)

    def begin_totp(self, **given: Unpack[params.BeginTotpParams]) -> dict[str, Any]:
        """Make the secret of a second factor, which counts once it is confirmed."""
        return self._call("accounts.begin_totp", named(given))

    def confirm_totp(self, **given: Unpack[params.ConfirmTotpParams]) -> dict[str, Any]:
        """Turn the second factor on by a code of the app; the answer alone has the recovery codes."""
        return self._call("accounts.confirm_totp", named(given))

    def remove_totp(self, **given: Unpack[params.CodeParams]) -> dict[str, Any]:
        """Turn the second factor off by a code of it."""
        return self._call("accounts.remove_totp", given)

    def export(self, **given: Unpack[params.ExportParams]) -> results.Export:
        """Return one page of what the service keeps about the person who is signed in."""
        return self._call("accounts.export", given)

    def delete_me(self, **given: Unpack[params.TokenParams]) -> results.Account:
        """Delete one's own account: its sessions, keys and links end at once, its files go after 14 days."""
        return self._call("accounts.delete_me", given)

    def create_invite(self, **given: Unpack[params.CreateInviteParams]) -> results.CreatedInvite:
        """Make an invite; the answer alone has its code."""
        return self._call("accounts.create_invite", named(given))

    def list_invites(self, **given: Unpack[params.TenantParams]) -> dict[str, Any]:
        """Return the invites of a tenant without their codes."""
        return self._call("accounts.list_invites", given)

    def revoke_invite(self, **given: Unpack[params.RevokeInviteParams]) -> dict[str, Any]:
        """End an invite; accounts that were made by it stay."""
        return self._call("accounts.revoke_invite", given)

    def create(self, **given: Unpack[params.CreateParams]) -> results.CreatedAccount:
        """Make an account without a password; ``reset`` of the answer lets its person set one."""
        return self._call("accounts.create", named(given))

    def list(self, **given: Unpack[params.ListParams]) -> results.AccountPage:
        """Return one page of a tenant's accounts, by name."""
        return self._call("accounts.list", given)

    def info(self, **given: Unpack[params.InfoParams]) -> results.Account:
        """Return an account, one's own or one that the actor manages."""
        return self._call("accounts.info", given)

    def update(self, **given: Unpack[params.UpdateParams]) -> results.Account:
        """Change the role of an account, or disable or enable it, which undoes its deletion."""
        return self._call("accounts.update", given)

    def delete(self, **given: Unpack[OwnerParams]) -> results.Account:
        """Delete an account: its sessions, keys and links end at once, its files go after 14 days."""
        return self._call("accounts.delete", given)

    def set_quota(self, **given: Unpack[params.SetQuotaParams]) -> results.Account:
        """Set the quota of an account."""
        return self._call("accounts.set_quota", given)

    def set_tenant_quota(self, **given: Unpack[params.SetTenantQuotaParams]) -> results.Tenant:
        """Set the quota that all accounts of a tenant have together."""
        return self._call("accounts.set_tenant_quota", given)

    def reset(self, **given: Unpack[params.ResetParams]) -> results.Reset:
        """Make the code by which a person sets a new password, once and within an hour."""
        return self._call("accounts.reset", named(given))

    def create_tenant(self, **given: Unpack[params.CreateTenantParams]) -> dict[str, Any]:
        """Create a tenant."""
        return self._call("accounts.create_tenant", named(given))

    def list_tenants(self, **given: Unpack[ActorParams]) -> dict[str, Any]:
        """Return all tenants but the default one."""
        return self._call("accounts.list_tenants", given)
