"""A share as one of its visitors sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from files_service.gateway.pages.shared.places import FolderAddress
from files_service.services.shares.folder import FolderPage
from files_service.services.shares.gate import Opened
from storage_adapters import JSON, FileRecord


@dataclass(frozen=True, slots=True)
class Seen:
    """A share that a visitor may see: its files, the visitor's uploads, and the page of its folder, if it has one.

    ``total`` are number and size of all files of a folder, None for one that has many.
    """

    opened: Opened
    files: Sequence[FileRecord] = ()
    uploads: Sequence[JSON] = ()
    folder: FolderPage | None = None
    total: tuple[int, int] | None = None

    @property
    def place(self) -> FolderAddress:
        """The place in the folder of the share that the visitor sees."""
        return FolderAddress(self.folder.below if self.folder is not None else "")

    @property
    def following(self) -> FolderAddress | None:
        """The place of the next page, None at the end."""
        page = self.folder
        return None if page is None or page.following is None else FolderAddress(page.below, page.following)
