"""The method table: every action by its wire name. All transports call the API through ``METHODS``."""

from files_service.api import analytics, bulk, cards, folders, jobs, moving, notices, share_policy, shares, versions
from files_service.api.access import set_access
from files_service.api.accounts import credentials, export, people, signing
from files_service.api.action import Action
from files_service.api.archive import archive
from files_service.api.clone import clone
from files_service.api.data import data
from files_service.api.download import download
from files_service.api.finish import finish
from files_service.api.head import head
from files_service.api.info import info
from files_service.api.listing import list_files
from files_service.api.manifest import manifest
from files_service.api.process import process
from files_service.api.remove import remove
from files_service.api.sync import sync
from files_service.api.tags import access_by_tag, add_tags, remove_tags, sync_tags
from files_service.api.timeline import timeline
from files_service.api.update import update
from files_service.api.upload import upload
from files_service.api.usage import count, report

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
        archive,
        list_files,
        timeline,
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
        moving.move,
        moving.trash,
        moving.restore,
        bulk.run_bulk,
        folders.empty_trash,
        folders.create,
        folders.list_folders,
        folders.move,
        folders.remove,
        folders.restore,
        folders.list_trashed,
        jobs.info,
        jobs.list_jobs,
        jobs.cancel,
        signing.register,
        signing.login,
        signing.logout,
        signing.identify,
        signing.set_password,
        credentials.list_sessions,
        credentials.end_session,
        credentials.end_sessions,
        credentials.create_key,
        credentials.list_keys,
        credentials.revoke_key,
        credentials.begin_totp,
        credentials.confirm_totp,
        credentials.remove_totp,
        credentials.delete_me,
        export.export,
        people.create_invite,
        people.list_invites,
        people.revoke_invite,
        people.create,
        people.list_accounts,
        people.info,
        people.update,
        people.delete,
        people.set_quota,
        people.set_tenant_quota,
        people.reset,
        people.create_tenant,
        people.list_tenants,
        shares.create,
        shares.list_shares,
        shares.info,
        shares.events,
        shares.update,
        shares.revoke,
        analytics.storage,
        analytics.file_types,
        share_policy.show,
        share_policy.change,
        versions.list_versions,
        versions.restore,
        versions.label,
        versions.remove,
        versions.download,
        cards.known,
        cards.inserted,
        cards.permit,
        cards.list_cards,
        cards.begin,
        cards.add,
        cards.progress,
        cards.verify,
        cards.receipt,
        cards.manifest,
        cards.session,
        cards.sessions,
        cards.files,
        notices.list_notices,
        notices.read,
        notices.channels,
        notices.set_channel,
        notices.remove_channel,
        notices.test_channel,
    )
}

__all__ = ["METHODS", "Action"]
