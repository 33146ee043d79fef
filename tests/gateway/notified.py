"""A gateway that is told of uploads: its addresses, what is in its store, and what became of what it was told."""

from __future__ import annotations

import hashlib

from storage_adapters import JSON
from tests.cores import call
from tests.fakes.pubsub.notices import description
from tests.gateway.serving import Served

PUBSUB = "/webhooks/gcs/pubsub"
CHANNEL = "/webhooks/gcs/channel"
TOKEN = "webhook-token-for-tests-0123456789abcdef"
CHANNEL_TOKEN = "channel-token-for-tests-0123456789abcdef"
CONTENT = b"content"


def stored(served: Served, record: JSON, index: int = 0, content: bytes = CONTENT, generation: int = 1) -> JSON:
    """Put the bytes of a part into the store; returns the object's description."""
    part = record["parts"][index]
    served.core.blobs.put(
        part["key"],
        [content],
        content_type=part["content_type"],
        now=served.core.clock(),
        declared={"md5": hashlib.md5(content).hexdigest()},
    )
    return description(part["key"], content, generation=generation)


def status(served: Served, record: JSON) -> str:
    found: str = call(served.core, "files.info", file_id=record["file_id"])["status"]
    return found


def outcomes(served: Served, source: str = "push") -> dict[str, int]:
    """How many notifications came to which end."""
    [family] = [each for each in served.state.metrics.registry.collect() if each.name == "files_notifications"]
    return {
        sample.labels["outcome"]: int(sample.value)
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["source"] == source
    }
