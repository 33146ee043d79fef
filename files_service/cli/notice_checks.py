"""Check of ``files doctor`` for the channels of notices. No finding has an address."""

from __future__ import annotations

from importlib.util import find_spec

from files_service.cli.finding import Finding
from files_service.config import Settings
from files_service.services.notices.channels import BadChannel, Sender, parse_channels
from storage_adapters import install_command

_PART = "notices"
_ADVICE = "Correct FILES_NOTICE_CHANNELS; docs/notices.md describes it."


def check_notices(settings: Settings) -> Finding:
    """Check that the notifier can open each channel; nothing is sent."""
    if not settings.notice_channels and not settings.notice_services:
        return Finding(_PART, "nobody is told of cards and disks (FILES_NOTICE_CHANNELS is empty)")
    if find_spec("apprise") is None:
        return Finding(_PART, "notices need apprise", f"Install it in the clone: {install_command('notices')}")
    try:
        channels = parse_channels(settings.notice_channels)
        for channel in channels:
            Sender(channel).close()
    except BadChannel as error:
        return Finding(_PART, str(error), _ADVICE)
    named = ", ".join(channel.name for channel in channels) or "none"
    owners = ", ".join(settings.notice_services) or "none"
    return Finding(_PART, f"channels: {named}; owners may choose: {owners}. Try them: files notify test")
