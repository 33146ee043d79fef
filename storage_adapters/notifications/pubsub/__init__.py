"""Google Cloud's REST APIs outside the blob store: Pub/Sub and bucket setup. No gRPC."""

from __future__ import annotations

from collections.abc import Iterator

from storage_adapters.errors import UnknownStore
from storage_adapters.extras import import_adapter
from storage_adapters.notifications.pubsub.desired_state import DesiredState
from storage_adapters.ports.setup import SetupStep

__all__ = ["DesiredState", "set_up_notifications"]


def set_up_notifications(
    wanted: DesiredState, *, dry_run: bool, storage_emulator_host: str = "", pubsub_emulator_host: str = ""
) -> Iterator[SetupStep]:
    """Create missing configuration, or report it with ``dry_run``; yield each step when it is done. Raises nothing."""
    try:
        provisioning = import_adapter("storage_adapters.notifications.pubsub.provisioning")
    except UnknownStore as error:
        yield SetupStep(name="library", state="failed", text=str(error))
        return
    setup = provisioning.CloudSetup(
        wanted,
        dry_run=dry_run,
        storage_emulator_host=storage_emulator_host,
        pubsub_emulator_host=pubsub_emulator_host,
    )
    try:
        yield from setup.steps()
    finally:
        setup.close()
