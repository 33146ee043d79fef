"""Pub/Sub, as far as notifications need it: topics, subscriptions, leases of messages, and the REST methods."""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.gcs.errors import Refused, bad_request
from tests.fakes.gcs.messages import Answer, Request, json_answer
from tests.fakes.gcs.objects import JSON, Objects, StoredObject, rfc3339

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A published message; the same in all subscriptions."""

    id: str
    attributes: Mapping[str, str]
    data: bytes
    published: float

    def resource(self) -> JSON:
        """As pull and push carry it."""
        time = rfc3339(self.published)
        return {
            "attributes": dict(self.attributes),
            "data": base64.b64encode(self.data).decode(),
            "messageId": self.id,
            "message_id": self.id,
            "publishTime": time,
            "publish_time": time,
        }


@dataclass(kw_only=True)
class Delivery:
    """A message in one subscription. Nobody else gets it before ``not_before``."""

    message: Message
    not_before: float = 0
    attempts: int = 0
    ack_id: str = ""


@dataclass(kw_only=True)
class Subscription:
    """What has been published and not been acknowledged."""

    name: str
    config: JSON
    clock: Callable[[], float]
    waiting: list[Delivery] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    deleted: bool = False

    def add(self, message: Message) -> None:
        """Take in a message."""
        with self.changed:
            self.waiting.append(Delivery(message=message))
            self.changed.notify_all()

    def lease(self, count: int) -> list[Delivery]:
        """Hand out messages; unless acknowledged in time they are handed out again."""
        now = self.clock()
        with self.changed:
            due = [each for each in self.waiting if each.not_before <= now][:count]
            for each in due:
                each.not_before = now + self.config.get("ackDeadlineSeconds", 10)
                each.attempts += 1
                each.ack_id = f"ack-{each.message.id}-{next(_numbers)}"
            return due

    def acknowledge(self, ack_ids: set[str]) -> list[Message]:
        """Forget messages; returns them."""
        with self.changed:
            done = [each for each in self.waiting if each.ack_id in ack_ids]
            self.waiting = [each for each in self.waiting if each.ack_id not in ack_ids]
            self.changed.notify_all()
            return [each.message for each in done]

    def postpone(self, ack_ids: set[str], seconds: float) -> None:
        """Hand messages out again in so many seconds."""
        with self.changed:
            for each in self.waiting:
                if each.ack_id in ack_ids:
                    each.not_before = self.clock() + seconds
            self.changed.notify_all()

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until all is acknowledged."""
        with self.changed:
            return self.changed.wait_for(lambda: not self.waiting, seconds)


class PubSub:
    """Topics and subscriptions. ``published`` has every message that ever was; ``on_push`` starts a push delivery."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.topics: dict[str, JSON] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.published: list[Message] = []
        self.on_push: Callable[[Subscription], None] = lambda _subscription: None
        self._clock = clock
        self._lock = threading.RLock()

    def make_topic(self, name: str) -> None:
        """Make a topic, ``projects/P/topics/T``."""
        with self._lock:
            if name in self.topics:
                raise Refused(409, "ALREADY_EXISTS", "Resource already exists in the project.")
            self.topics[name] = {"name": name}

    def subscribe(self, name: str, config: JSON) -> Subscription:
        """Make a subscription, ``projects/P/subscriptions/S``."""
        with self._lock:
            if name in self.subscriptions:
                raise Refused(409, "ALREADY_EXISTS", "Resource already exists in the project.")
            if config.get("topic") not in self.topics:
                raise Refused(404, "NOT_FOUND", "The topic does not exist.")
            subscription = Subscription(name=name, config={**config, "name": name}, clock=self._clock)
            self.subscriptions[name] = subscription
        if config.get("pushConfig", {}).get("pushEndpoint"):
            self.on_push(subscription)
        return subscription

    def publish(self, topic: str, attributes: Mapping[str, str], data: bytes) -> Message:
        """Publish to all subscriptions of a topic."""
        with self._lock:
            message = Message(id=str(next(_numbers)), attributes=dict(attributes), data=data, published=self._clock())
            self.published.append(message)
            listening = [each for each in self.subscriptions.values() if each.config["topic"] == topic]
        for subscription in listening:
            subscription.add(message)
        return message

    def notify(self, objects: Objects, base: str, event: str, stored: StoredObject, extra: Mapping[str, str]) -> None:
        """Publish a change of an object as the bucket's notification configurations say."""
        for number, config in objects.bucket(stored.bucket).notification_configs.items():
            if config.get("event_types") and event not in config["event_types"]:
                continue
            if not stored.name.startswith(config.get("object_name_prefix", "")):
                continue
            attributes = {
                "bucketId": stored.bucket,
                "objectId": stored.name,
                "eventType": event,
                "eventTime": rfc3339(self._clock()),
                "objectGeneration": str(stored.generation),
                "payloadFormat": config["payload_format"],
                "notificationConfig": f"projects/_/buckets/{stored.bucket}/notificationConfigs/{number}",
                **extra,
                **config.get("custom_attributes", {}),
            }
            described = config["payload_format"] == "JSON_API_V1"
            data = json.dumps(stored.resource(base)).encode() if described else b""
            self.publish(config["topic"].removeprefix("//pubsub.googleapis.com/"), attributes, data)

    def handle(self, request: Request) -> Answer:
        """Answer a REST request for ``/v1/projects/P/topics/T`` or ``/v1/projects/P/subscriptions/S``."""
        name, _, verb = request.path.removeprefix("/v1/").partition(":")
        if "/topics/" in name:
            return self._handle_topic(request, name, verb)
        if request.method == "PUT":
            return json_answer(self.subscribe(name, request.json()).config)
        subscription = self.subscriptions.get(name)
        if subscription is None:
            raise Refused(404, "NOT_FOUND", f"Resource not found (resource={name}).", reason="notFound")
        match (request.method, verb):
            case ("GET", ""):
                return json_answer(subscription.config)
            case ("PATCH", ""):
                subscription.config |= request.json().get("subscription", {})
                return json_answer(subscription.config)
            case ("DELETE", ""):
                subscription.deleted = True
                del self.subscriptions[name]
                return json_answer({})
        return self._handle_verb(subscription, verb, request.json())

    def _handle_verb(self, subscription: Subscription, verb: str, body: dict[str, Any]) -> Answer:
        ack_ids = set(body.get("ackIds", []))
        match verb:
            case "pull":
                received = [
                    {"ackId": each.ack_id, "message": each.message.resource()}
                    for each in subscription.lease(int(body["maxMessages"]))
                ]
                return json_answer({"receivedMessages": received} if received else {})
            case "acknowledge":
                subscription.acknowledge(ack_ids)
                return json_answer({})
            case "modifyAckDeadline":
                subscription.postpone(ack_ids, body["ackDeadlineSeconds"])
                return json_answer({})
        raise bad_request(f"Unknown method {verb}")

    def _handle_topic(self, request: Request, name: str, verb: str) -> Answer:
        if request.method == "PUT":
            self.make_topic(name)
        elif name not in self.topics:
            raise Refused(404, "NOT_FOUND", f"Resource not found (resource={name}).", reason="notFound")
        if request.method == "POST" and verb == "publish":
            messages = [
                self.publish(name, each.get("attributes", {}), base64.b64decode(each.get("data", "")))
                for each in request.json()["messages"]
            ]
            return json_answer({"messageIds": [each.id for each in messages]})
        if request.method == "DELETE":
            del self.topics[name]
            return json_answer({})
        if verb in ("getIamPolicy", "setIamPolicy"):
            if verb == "setIamPolicy":
                self.topics[name]["policy"] = request.json()["policy"]
            return json_answer(self.topics[name].get("policy", {}))
        return json_answer({"name": name})
