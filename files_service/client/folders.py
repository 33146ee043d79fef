"""Methods of folders, jobs and the places of files: one typed method per API method."""

from __future__ import annotations

from typing import Any, Unpack

from files_service.client import folder_parameters as params
from files_service.client import folder_results as results
from files_service.client.caller import Caller, named


class FolderMethods(Caller):
    """Folders, and what lies in them."""

    def create(self, **given: Unpack[params.CreateParams]) -> results.MadeFolder:
        """Make a folder and those in which it lies; one that is there stays as it is."""
        return self._call("folders.create", given)

    def list(self, **given: Unpack[params.ListParams]) -> results.FolderPage:
        """Return one page of a folder: its files and folders, in the order of their paths."""
        return self._call("folders.list", given)

    def move(self, **given: Unpack[params.MoveParams]) -> results.Job:
        """Move a folder with all that is in it."""
        return self._call("folders.move", named(given))

    def remove(self, **given: Unpack[params.RemoveParams]) -> results.Job:
        """Move a folder with all that is in it to the trash."""
        return self._call("folders.remove", named(given))

    def restore(self, **given: Unpack[params.RestoreParams]) -> results.Job:
        """Take out of the trash what was trashed as one folder."""
        return self._call("folders.restore", named(given))

    def trashed(self, **given: Unpack[params.TrashedParams]) -> results.TrashedFolders:
        """Return the folders that were trashed as one, the newest first."""
        return self._call("folders.trashed", given)


class JobMethods(Caller):
    """Work on whole folders."""

    def info(self, **given: Unpack[params.JobParams]) -> results.Job:
        """Return a job and its progress."""
        return self._call("jobs.info", given)

    def list(self, **given: Unpack[params.TrashedParams]) -> results.Jobs:
        """Return jobs of an owner of the last seven days: those that run, then the newest."""
        return self._call("jobs.list", given)

    def cancel(self, **given: Unpack[params.JobParams]) -> results.Job:
        """Cancel a job that runs; what it has done stays."""
        return self._call("jobs.cancel", given)


class PlaceMethods(Caller):
    """The part of ``files.*`` that changes the places of files."""

    def move(self, **given: Unpack[params.MoveFileParams]) -> Any:
        """Move files to a path or into a folder: the file, or a result for each of several."""
        return self._call("files.move", given)

    def trash(self, **given: Unpack[params.OneOrManyParams]) -> Any:
        """Move files to the trash: what became of the file, or a result for each of several."""
        return self._call("files.trash", given)

    def restore(self, **given: Unpack[params.OneOrManyParams]) -> Any:
        """Take files out of the trash: the file, or a result for each of several."""
        return self._call("files.restore", given)

    def empty_trash(self, **given: Unpack[params.EmptyTrashParams]) -> results.Job:
        """Delete for good what is in the trash now."""
        return self._call("files.empty_trash", named(given))

    def bulk(self, **given: Unpack[params.BulkParams]) -> results.BulkResults:
        """Do one action to many files; each file succeeds or fails on its own."""
        return self._call("files.bulk", named(given))
