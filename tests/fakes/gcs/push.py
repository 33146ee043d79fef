"""Pushes what a subscription holds to its endpoint: signed, at least once, with back-off."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.fakes.gcs.pubsub import Delivery, Subscription
from tests.fakes.gcs.tokens import Tokens
from tests.waiting import PATIENCE_SECONDS

ACCEPTED = frozenset({102, 200, 201, 202, 204})
LEAST_BACK_OFF = 0.1
MOST_BACK_OFF = 60.0


class PushDelivery:
    """One thread that hands out, and several that send. ``answers`` counts the statuses that came back, 0 for none."""

    def __init__(self, subscription: Subscription, tokens: Tokens, *, senders: int = 4) -> None:
        self.answers: Counter[int] = Counter()
        self._subscription, self._tokens = subscription, tokens
        self._senders = senders
        self._sessions = threading.local()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"push of {subscription.name}")

    def start(self) -> None:
        """Begin to push."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was not acknowledged stays in the subscription."""
        self._stopped.set()
        with self._subscription.changed:
            self._subscription.changed.notify_all()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        subscription = self._subscription
        with ThreadPoolExecutor(self._senders) as pool:
            while not self._stopped.is_set() and not subscription.deleted:
                due = subscription.lease(self._senders * 4)
                list(pool.map(self._send, due))
                if not due:
                    with subscription.changed:
                        subscription.changed.wait(0.02)

    def _send(self, delivery: Delivery) -> None:
        if self._stopped.is_set():
            return
        status = self._post(delivery)
        self.answers[status] += 1
        if status in ACCEPTED:
            self._subscription.acknowledge({delivery.ack_id})
            return
        policy = self._subscription.config.get("retryPolicy", {})
        least = float(policy.get("minimumBackoff", f"{LEAST_BACK_OFF}s").rstrip("s"))
        most = float(policy.get("maximumBackoff", f"{MOST_BACK_OFF}s").rstrip("s"))
        self._subscription.postpone({delivery.ack_id}, min(most, least * 2 ** (delivery.attempts - 1)))

    def _post(self, delivery: Delivery) -> int:
        config = self._subscription.config["pushConfig"]
        url = config["pushEndpoint"]
        headers = {"User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"}
        identity = config.get("oidcToken")
        if identity:
            audience = identity.get("audience") or url
            token = self._tokens.id_token(email=identity["serviceAccountEmail"], audience=audience)
            headers["Authorization"] = f"Bearer {token}"
        if "noWrapper" in config:
            body = delivery.message.data
            if config["noWrapper"].get("writeMetadata"):
                headers |= self._metadata(delivery)
        else:
            headers["Content-Type"] = "application/json"
            wrapped = {"message": delivery.message.resource(), "subscription": self._subscription.name}
            body = json.dumps(wrapped).encode()
        if not hasattr(self._sessions, "session"):
            self._sessions.session = requests.Session()
            self._sessions.session.trust_env = False
        try:
            status: int = self._sessions.session.post(
                url, data=body, headers=headers, timeout=30, allow_redirects=False
            ).status_code
        except requests.RequestException:
            return 0
        return status

    def _metadata(self, delivery: Delivery) -> dict[str, str]:
        resource = delivery.message.resource()
        return {
            "x-goog-pubsub-message-id": resource["messageId"],
            "x-goog-pubsub-publish-time": resource["publishTime"],
            "x-goog-pubsub-subscription-name": self._subscription.name,
            **delivery.message.attributes,
        }
