"""Methods of shares: one typed method per API method."""

from __future__ import annotations

from typing import Unpack

from files_service.client import share_parameters as params
from files_service.client import share_results as results
from files_service.client.caller import Caller, named
from files_service.client.parameters import OwnerPageParams


class ShareMethods(Caller):
    """Links to files."""

    def create(self, **given: Unpack[params.CreateParams]) -> results.ShareInfo:
        """Make a link to files of an owner; private ones become ``shared``."""
        return self._call("shares.create", named(given))

    def list(self, **given: Unpack[OwnerPageParams]) -> results.SharePage:
        """Return one page of an owner's shares, the newest first."""
        return self._call("shares.list", given)

    def info(self, **given: Unpack[params.ShareParams]) -> results.ShareInfo:
        """Return a share."""
        return self._call("shares.info", given)

    def events(self, **given: Unpack[params.ShareParams]) -> results.ShareEvents:
        """Return what visitors did with a share lately, the newest first."""
        return self._call("shares.events", given)

    def update(self, **given: Unpack[params.UpdateParams]) -> results.ShareInfo:
        """Change a share, pause it, or make it active again."""
        return self._call("shares.update", given)

    def revoke(self, **given: Unpack[params.ShareParams]) -> results.ShareInfo:
        """Close a link and end all its downloads; repeating the call is harmless."""
        return self._call("shares.revoke", given)

    def policy(self, **given: Unpack[params.PolicyParams]) -> results.Policy:
        """Return the policy of a tenant for its links and versions."""
        return self._call("shares.policy", given)

    def set_policy(self, **given: Unpack[params.SetPolicyParams]) -> results.Policy:
        """Change the policy of a tenant for its links and versions."""
        return self._call("shares.set_policy", given)
