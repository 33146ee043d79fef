"""The method table: every action by its wire name. All transports call the API through ``METHODS``."""

from files_service.actions.access import set_access
from files_service.actions.base import Action
from files_service.actions.clone import clone
from files_service.actions.data import data
from files_service.actions.download import download
from files_service.actions.finish import finish
from files_service.actions.head import head
from files_service.actions.info import info
from files_service.actions.listing import list_files
from files_service.actions.manifest import manifest
from files_service.actions.process import process
from files_service.actions.remove import remove
from files_service.actions.sync import sync
from files_service.actions.tags import access_by_tag, add_tags, remove_tags, sync_tags
from files_service.actions.update import update
from files_service.actions.upload import upload
from files_service.actions.usage import count, report

METHODS: dict[str, Action] = {
    each.name: each
    for each in (
        upload,
        finish,
        process,
        info,
        data,
        head,
        download,
        list_files,
        count,
        report,
        update,
        set_access,
        remove,
        clone,
        manifest,
        sync,
        add_tags,
        remove_tags,
        sync_tags,
        access_by_tag,
    )
}

__all__ = ["METHODS", "Action"]
