"""New accounts: by the people themselves, by an invite, and by whoever manages people."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.accounts import DEFAULT_TENANT, MAX_NAME, Role, is_name, name_and_tenant, owner_of_name
from files_service.domain.uploads import owner_segment
from files_service.errors import Conflict, FilesError, Forbidden, Unauthorized, bad_request
from files_service.services.accounts import documents, invites, rosters
from files_service.services.accounts.account import Account, accounts_exist, add_account, find_account
from files_service.services.accounts.authority import authority_of
from files_service.services.accounts.documents import INVITES, hash_of
from files_service.services.accounts.ledger import forget_count
from files_service.services.accounts.passwords import RESET_MS, hash_new, reset_of
from files_service.services.accounts.repeats import name_of, secret_of
from files_service.services.accounts.tenants import require_tenant
from files_service.services.encryption.owners import assign_owner
from storage_adapters import JSON, DocumentQuery, SupportsDocuments

CLOSED, BY_INVITE = "closed", "invite"


def registered_earlier(core: Core, name: str, invite_code: str | None, request_id: str | None) -> Account | None:
    """Return the account that the same request has made, None without one; its password is still to be checked."""
    invite = documents.find(core, INVITES, hash_of(invite_code)) if invite_code is not None else None
    tenant = DEFAULT_TENANT if invite is None else invite.body["tenant"]
    return _made_by(core, owner_of_name(name_and_tenant(name)[0], tenant), _registration(core, request_id))


def register(
    core: Core, name: str, password: str, invite_code: str | None = None, request_id: str | None = None
) -> Account:
    """Make an account for a person, as ``registration`` allows it; the setup code makes the first one anyway.

    Raises Forbidden where registration is closed, Unauthorized for an invite that has ended, BadRequest, Conflict.
    """
    invite = invites.require_invite(core, invite_code) if invite_code is not None else None
    if core.settings.registration == CLOSED and not (invite and invites.is_setup(invite)):
        raise Forbidden("registration is closed")
    if invite is None and core.settings.registration == BY_INVITE:
        raise Unauthorized("registration needs an invite", {"field": "invite"})
    tenant = DEFAULT_TENANT if invite is None else invite.body["tenant"]
    name = valid_name(name, tenant)
    owner = owner_of_name(name, tenant)
    require_free(core, owner)
    account = Account(
        account_id=core.new_id(),
        name=name,
        tenant=tenant,
        role=Role.USER if invite is None else Role(invite.body["role"]),
        created_at=core.clock(),
        password=hash_new(core, password, name),
        password_at=core.clock(),
        invite_id=None if invite is None else invite.body["invite_id"],
        request=_registration(core, request_id),
    )
    if invite is None:
        return _add(core, account)
    invites.take_use(core, invite, owner)
    try:
        return _add(core, account)
    except FilesError:
        invites.give_back(core, invite, owner)
        raise


def create_account(
    core: Core, actor: str | None, *, name: str, tenant: str | None, role: Role, request_id: str | None = None
) -> JSON:
    """Make an account without a password, and the link by which its person sets one; or find that of the same request.

    Files that the owner of this name has already become those of the account. Raises Forbidden, NotFound, Conflict.
    """
    authority = authority_of(core, actor)
    tenant = authority.tenant_or_own(tenant)
    authority.require_people(tenant)
    authority.require_new_role(role)
    require_tenant(core, tenant)
    maker, now = None if actor is None else str(actor), core.clock()
    name = valid_name(name, tenant)
    owner = owner_of_name(name, tenant)
    secret = secret_of(core, request_id, "account", maker, owner)
    draft = Account(
        account_id=core.new_id(),
        name=name,
        tenant=tenant,
        role=role,
        created_at=now,
        reset=reset_of(secret, now, maker),
        request=name_of(core, request_id, "account", maker, role.value),
    )
    earlier = _made_by(core, owner, draft.request)
    if earlier is None and _has_something(core, owner):
        authority.require_person()
    account = _add(core, earlier or draft)
    reset = {"code": f"{account.account_id}.{secret}", "expires_at": account.created_at + RESET_MS}
    return {**account.shown(), "reset": reset}


def valid_name(name: str, tenant: str) -> str:
    """Return the name in its stored form. Raises BadRequest."""
    plain, of_tenant = name_and_tenant(name)
    if not is_name(plain) or of_tenant not in ("", tenant):
        raise bad_request("name", f"Must be 1 to {MAX_NAME} of a-z, 0-9, . _ and -, beginning with a letter or digit.")
    return plain


def require_free(core: Core, owner: str) -> None:
    """Raise Conflict for the name of an account, or of an owner who has something, whom nobody else may become."""
    if find_account(core, owner) is not None or _has_something(core, owner):
        raise Conflict("the name is taken", {"field": "name"})


def _has_something(core: Core, owner: str) -> bool:
    """Return True for an owner with files, also in the trash, or with links, folders, cards or notices."""
    if core.metadata.usage(owner).files:
        return True
    store = core.metadata
    prefix = f"{owner_segment(owner)}/"
    queries = [DocumentQuery(collection=each, prefix=prefix, limit=1) for each in documents.OF_OWNERS]
    return isinstance(store, SupportsDocuments) and any(
        store.find_documents(query, now=core.clock()).documents for query in queries
    )


def accounts_are_on(core: Core) -> bool:
    """Return True where people sign in: there is an account, or people may register."""
    if not isinstance(core.metadata, SupportsDocuments):
        return False
    return core.settings.registration != CLOSED or accounts_exist(core)


def _registration(core: Core, request_id: str | None) -> str | None:
    return name_of(core, request_id, "registration")


def _made_by(core: Core, owner: str, request: str | None) -> Account | None:
    """Return the account of an owner if this request made it."""
    found = find_account(core, owner) if request is not None else None
    return found if found is not None and found.request == request else None


def _add(core: Core, account: Account) -> Account:
    """Store an account. One that is stored already gets what its maker, who may have died, has left undone."""
    # Before the account can store a byte: what encrypts it is the key of its tenant.
    assign_owner(documents.documents_of(core), owner_segment(account.owner), account.tenant, now=core.clock())
    added = account if account.document is not None else _store(core, account)
    rosters.enter(core, added)
    # The owner may have files: from now on they count for the tenant.
    core.quotas.forget(added.owner)
    forget_count(core, added.tenant)
    return added


def _store(core: Core, account: Account) -> Account:
    try:
        return add_account(core, account)
    except Conflict:
        # The same request may be served twice at once.
        found = _made_by(core, account.owner, account.request)
        if found is None:
            raise
        return found
