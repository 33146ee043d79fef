"""Methods of versions: one typed method per API method."""

from __future__ import annotations

from typing import Unpack

from files_service.client import results
from files_service.client import version_parameters as params
from files_service.client.caller import Caller
from files_service.client.parameters import FileParams


class VersionMethods(Caller):
    """Former contents of files."""

    def list(self, **given: Unpack[FileParams]) -> results.Versions:
        """Return the versions of a file, the newest first; the current content is one of them."""
        return self._call("versions.list", given)

    def restore(self, **given: Unpack[params.VersionParams]) -> results.File:
        """Make the bytes of a version current again, as a new version."""
        return self._call("versions.restore", given)

    def label(self, **given: Unpack[params.LabelParams]) -> results.File:
        """Label a version, which keeps it from being pruned."""
        return self._call("versions.label", given)

    def remove(self, **given: Unpack[params.VersionParams]) -> results.File:
        """Remove a former content of a file; repeating the call is harmless."""
        return self._call("versions.remove", given)

    def download(self, **given: Unpack[params.DownloadParams]) -> results.VersionDownload:
        """Return a signed URL for each part of a version, in order."""
        return self._call("versions.download", given)
