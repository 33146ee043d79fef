"""Desired configuration of bucket and Pub/Sub for upload notifications. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

JSON = dict[str, Any]

CORS_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"]
CORS_HEADERS = [
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Location",
    "Range",
    "x-goog-content-length-range",
    "x-goog-generation",
    "x-goog-hash",
    "x-goog-if-generation-match",
    "x-goog-resumable",
    "x-goog-stored-content-length",
]
TEMPORARY = "tmp/"
ACK_SECONDS = 60
RETENTION = "604800s"
# The maximum: a store outage of hours must not turn valid notifications into dead letters.
MAX_ATTEMPTS = 100
RETRY = {"minimumBackoff": "1s", "maximumBackoff": "300s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """Names and URLs. Push needs ``push_url``, pull needs ``pull_subscription``.

    ``push_token`` is a secret in the push URL. Without ``origins`` a CORS rule for any origin passes the check;
    where there is none, one for ``default_origins`` is created, if these are given. ``user_project`` pays where
    requesters pay.
    """

    bucket: str
    prefix: str
    project: str
    topic: str = "files"
    push_subscription: str = "files-push"
    push_url: str = ""
    push_email: str = ""
    push_audience: str = ""
    push_token: str = field(default="", repr=False)
    pull_subscription: str = ""
    origins: tuple[str, ...] = ()
    default_origins: tuple[str, ...] = ()
    temporary_days: int = 2
    user_project: str = ""

    @property
    def topic_name(self) -> str:
        """The full name of the topic."""
        return f"projects/{self.project}/topics/{self.topic}"

    @property
    def dead_topic_name(self) -> str:
        """The full name of the dead-letter topic."""
        return f"{self.topic_name}-dead"

    @property
    def dead_subscription_name(self) -> str:
        """The full name of the dead-letter subscription."""
        return self.subscription_name(f"{self.topic}-dead")

    def subscription_name(self, name: str) -> str:
        """Return the full name of a subscription."""
        return f"projects/{self.project}/subscriptions/{name}"

    def notification(self) -> JSON:
        """Return the bucket's notification configuration."""
        value: JSON = {
            "topic": f"//pubsub.googleapis.com/{self.topic_name}",
            "event_types": ["OBJECT_FINALIZE"],
            "payload_format": "JSON_API_V1",
        }
        return value | ({"object_name_prefix": f"{self.prefix}/"} if self.prefix else {})

    def cors_rule(self) -> JSON:
        """Return the CORS rule that lets web pages use signed URLs; without ``origins`` of no particular one."""
        return {
            "origin": list(self.origins),
            "method": CORS_METHODS,
            "responseHeader": CORS_HEADERS,
            "maxAgeSeconds": 3_600,
        }

    def lifecycle_rules(self) -> list[JSON]:
        """Return the lifecycle rules that delete abandoned objects."""
        temporary = f"{self.prefix}/{TEMPORARY}" if self.prefix else TEMPORARY
        condition = {"age": self.temporary_days, "matchesPrefix": [temporary]}
        return [
            {"action": {"type": "Delete"}, "condition": condition},
            {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": condition},
        ]

    def subscription(self, *, push: bool) -> JSON:
        """Return the configuration of a subscription of the topic."""
        value: JSON = {
            "topic": self.topic_name,
            "ackDeadlineSeconds": ACK_SECONDS,
            "messageRetentionDuration": RETENTION,
            "expirationPolicy": {},
            "retryPolicy": RETRY,
            "deadLetterPolicy": {"deadLetterTopic": self.dead_topic_name, "maxDeliveryAttempts": MAX_ATTEMPTS},
        }
        return value | ({"pushConfig": self._push()} if push else {})

    def dead_subscription(self) -> JSON:
        """Return the configuration of the dead-letter subscription, which keeps messages for inspection."""
        return {
            "topic": self.dead_topic_name,
            "ackDeadlineSeconds": ACK_SECONDS,
            "messageRetentionDuration": RETENTION,
            "expirationPolicy": {},
        }

    def without_secret(self, text: str) -> str:
        """Remove the token from an API's text, which may repeat the push URL."""
        return text.replace(self._query, "?token=***") if self._query else text

    @property
    def _query(self) -> str:
        return f"?token={quote(self.push_token, safe='')}" if self.push_token else ""

    def _push(self) -> JSON:
        push: JSON = {"pushEndpoint": f"{self.push_url}{self._query}"}
        if self.push_email:
            push["oidcToken"] = {"serviceAccountEmail": self.push_email, "audience": self.push_audience}
        return push


def differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return the fields that differ from the desired ones; additional fields are the operator's."""
    return sorted(name for name, value in wanted.items() if not _covers(found.get(name), value))


def admits(rule: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return True when a CORS rule permits the required requests; its max age does not matter."""
    return (
        _all_of(wanted["origin"], rule.get("origin", []))
        and _all_of(wanted["method"], rule.get("method", []))
        and _all_of(wanted["responseHeader"], rule.get("responseHeader", []))
    )


def origins_of_ours(rules: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the origins of a rule with our methods, which an earlier version may have made with fewer headers."""
    return next((list(each.get("origin", [])) for each in rules if _all_of(CORS_METHODS, each.get("method", []))), [])


def _all_of(wanted: Sequence[str], found: Sequence[str]) -> bool:
    known = {each.lower() for each in found}
    return "*" in known or {each.lower() for each in wanted} <= known


def _covers(found: Any, value: Any) -> bool:
    if isinstance(value, dict):
        # An empty object, which the API may omit, has a meaning: "never", for a policy.
        return not differing(value, found if isinstance(found, dict) else {}) if value else not found
    return bool(found == value)
