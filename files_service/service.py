"""The API over AMQP: nameko's services, such as ``files`` and ``files.tag``, with one method per call.

All parameters are keyword arguments; docs/rpc.md describes parameters, results and errors.
"""

from __future__ import annotations

from typing import Any

from files_service.messaging.rpc.threads import keep_threads_native

# Before the imports below create locks.
keep_threads_native()

from files_service.api import METHODS, Action  # noqa: E402
from files_service.dependencies import CoreProvider, Dispatcher  # noqa: E402
from files_service.errors import FilesError  # noqa: E402
from files_service.messaging.rpc.consumer import action  # noqa: E402
from storage_adapters import JSON  # noqa: E402


class Service:
    """A service with a method for each action whose name begins with that of the service."""

    name: str
    call: Dispatcher = CoreProvider()

    def __init_subclass__(cls) -> None:
        for each in METHODS.values():
            service, _, method = each.name.rpartition(".")
            if service == cls.name:
                setattr(cls, method, _method(each))


def _method(of: Action) -> Any:
    def method(self: Service, /, **params: Any) -> JSON:
        return self.call(of.name, params)

    method.__doc__ = of.summary
    return action(expected_exceptions=FilesError)(method)


class Files(Service):
    """All methods except those of tags."""

    name = "files"


class FilesTag(Service):
    """Tags of files, and access by tag."""

    name = "files.tag"


class Accounts(Service):
    """Accounts of people, and what they sign in with."""

    name = "accounts"


class Shares(Service):
    """Links to files."""

    name = "shares"


class Analytics(Service):
    """Storage of an owner, a tenant or all."""

    name = "analytics"


class Folders(Service):
    """Folders, and what lies in them."""

    name = "folders"


class Jobs(Service):
    """Work on whole folders."""

    name = "jobs"


class Versions(Service):
    """Former contents of files."""

    name = "versions"


class Cards(Service):
    """Memory cards, and the sessions in which they are copied."""

    name = "cards"


class Notices(Service):
    """Notices of an owner, and channels where it wants to be told of its cards and uploads."""

    name = "notices"


SERVICES = (Files, FilesTag, Accounts, Shares, Folders, Jobs, Analytics, Versions, Cards, Notices)
