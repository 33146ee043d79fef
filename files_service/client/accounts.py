"""Methods of accounts: one typed method per API method."""

from __future__ import annotations

from typing import Any, Unpack

from files_service.client import account_parameters as params
from files_service.client import account_results as results
from files_service.client.caller import Caller, named


class AccountMethods(Caller):
    """Accounts of people, and what they sign in with."""

    def register(self, **given: Unpack[params.RegisterParams]) -> results.SignedIn:
        """Make an account, as the settings allow it, and sign in."""
        answer: results.SignedIn = self._call("accounts.register", named(given))
        return answer

    def login(self, **given: Unpack[params.LoginParams]) -> results.SignedIn:
        """Sign in by name and password; returns the token of the new session."""
        answer: results.SignedIn = self._call("accounts.login", given)
        return answer

    def logout(self, **given: Unpack[params.TokenParams]) -> dict[str, Any]:
        """End the session of a token; repeating the call is harmless."""
        answer: dict[str, Any] = self._call("accounts.logout", given)
        return answer

    def identify(self, **given: Unpack[params.TokenParams]) -> results.Identity:
        """Return the account that a session's token or an API key proves."""
        answer: results.Identity = self._call("accounts.identify", given)
        return answer

    def set_password(self, **given: Unpack[params.SetPasswordParams]) -> dict[str, Any]:
        """Change one's password by the current one, or set it by the code of a reset link; other sessions end."""
        answer: dict[str, Any] = self._call("accounts.set_password", named(given))
        return answer

    def list_sessions(self, **given: Unpack[params.TokenParams]) -> dict[str, Any]:
        """Return one's own sessions, oldest first."""
        answer: dict[str, Any] = self._call("accounts.list_sessions", given)
        return answer

    def end_session(self, **given: Unpack[params.EndSessionParams]) -> dict[str, Any]:
        """End one of one's own sessions."""
        answer: dict[str, Any] = self._call("accounts.end_session", given)
        return answer

    def end_sessions(self, **given: Unpack[params.TokenParams]) -> dict[str, Any]:
        """End all of one's own sessions, this one too."""
        answer: dict[str, Any] = self._call("accounts.end_sessions", given)
        return answer

    def create_key(self, **given: Unpack[params.CreateKeyParams]) -> results.CreatedKey:
        """Create an API key; the answer alone has the key itself."""
        answer: results.CreatedKey = self._call("accounts.create_key", named(given))
        return answer

    def list_keys(self, **given: Unpack[params.TokenParams]) -> dict[str, Any]:
        """Return one's own API keys without the keys themselves."""
        answer: dict[str, Any] = self._call("accounts.list_keys", given)
        return answer

    def revoke_key(self, **given: Unpack[params.RevokeKeyParams]) -> dict[str, Any]:
        """End one of one's own API keys."""
        answer: dict[str, Any] = self._call("accounts.revoke_key", given)
        return answer

    def begin_totp(self, **given: Unpack[params.BeginTotpParams]) -> dict[str, Any]:
        """Make the secret of a second factor, which counts once it is confirmed."""
        answer: dict[str, Any] = self._call("accounts.begin_totp", named(given))
        return answer

    def confirm_totp(self, **given: Unpack[params.ConfirmTotpParams]) -> dict[str, Any]:
        """Turn the second factor on by a code of the app; the answer alone has the recovery codes."""
        answer: dict[str, Any] = self._call("accounts.confirm_totp", named(given))
        return answer

    def remove_totp(self, **given: Unpack[params.CodeParams]) -> dict[str, Any]:
        """Turn the second factor off by a code of it."""
        answer: dict[str, Any] = self._call("accounts.remove_totp", given)
        return answer

    def export(self, **given: Unpack[params.ExportParams]) -> results.Export:
        """Return one page of what the service keeps about the person who is signed in."""
        answer: results.Export = self._call("accounts.export", given)
        return answer

    def delete_me(self, **given: Unpack[params.TokenParams]) -> results.Account:
        """Delete one's own account: its sessions, keys and links end at once, its files go after 14 days."""
        answer: results.Account = self._call("accounts.delete_me", given)
        return answer

    def create_invite(self, **given: Unpack[params.CreateInviteParams]) -> results.CreatedInvite:
        """Make an invite; the answer alone has its code."""
        answer: results.CreatedInvite = self._call("accounts.create_invite", named(given))
        return answer

    def list_invites(self, **given: Unpack[params.TenantParams]) -> dict[str, Any]:
        """Return the invites of a tenant without their codes."""
        answer: dict[str, Any] = self._call("accounts.list_invites", given)
        return answer

    def revoke_invite(self, **given: Unpack[params.RevokeInviteParams]) -> dict[str, Any]:
        """End an invite; accounts that were made by it stay."""
        answer: dict[str, Any] = self._call("accounts.revoke_invite", given)
        return answer

    def create(self, **given: Unpack[params.CreateParams]) -> results.CreatedAccount:
        """Make an account without a password; ``reset`` of the answer lets its person set one."""
        answer: results.CreatedAccount = self._call("accounts.create", named(given))
        return answer

    def list(self, **given: Unpack[params.ListParams]) -> results.AccountPage:
        """Return one page of a tenant's accounts, by name."""
        answer: results.AccountPage = self._call("accounts.list", given)
        return answer

    def info(self, **given: Unpack[params.InfoParams]) -> results.Account:
        """Return an account, one's own or one that the actor manages."""
        answer: results.Account = self._call("accounts.info", given)
        return answer

    def update(self, **given: Unpack[params.UpdateParams]) -> results.Account:
        """Change the role of an account, or disable or enable it, which undoes its deletion."""
        answer: results.Account = self._call("accounts.update", given)
        return answer

    def delete(self, **given: Unpack[params.OwnerParams]) -> results.Account:
        """Delete an account: its sessions, keys and links end at once, its files go after 14 days."""
        answer: results.Account = self._call("accounts.delete", given)
        return answer

    def set_quota(self, **given: Unpack[params.SetQuotaParams]) -> results.Account:
        """Set the quota of an account."""
        answer: results.Account = self._call("accounts.set_quota", given)
        return answer

    def set_tenant_quota(self, **given: Unpack[params.SetTenantQuotaParams]) -> results.Tenant:
        """Set the quota that all accounts of a tenant have together."""
        answer: results.Tenant = self._call("accounts.set_tenant_quota", given)
        return answer

    def reset(self, **given: Unpack[params.ResetParams]) -> results.Reset:
        """Make the code by which a person sets a new password, once and within an hour."""
        answer: results.Reset = self._call("accounts.reset", named(given))
        return answer

    def create_tenant(self, **given: Unpack[params.CreateTenantParams]) -> dict[str, Any]:
        """Create a tenant."""
        answer: dict[str, Any] = self._call("accounts.create_tenant", named(given))
        return answer

    def list_tenants(self, **given: Unpack[params.ActorParams]) -> dict[str, Any]:
        """Return all tenants but the default one."""
        answer: dict[str, Any] = self._call("accounts.list_tenants", given)
        return answer
