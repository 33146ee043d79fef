"""Callers for the tests: nameko's proxy in another process, and raw messages to a queue."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from types import TracebackType
from typing import Any, Self

import amqp
from amqp.basic_message import Message

from files_service.messaging.address import open_connection
from files_service.messaging.rpc.topology import DEAD_LETTER, RPC_EXCHANGE
from tests.waiting import PATIENCE_SECONDS


class NamekoCaller:
    """nameko's ClusterRpcProxy, in a process of its own."""

    def __init__(self, uri: str, context: dict[str, Any] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.nameko_caller", uri, json.dumps(context or {})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, name: str, /, *args: Any, **params: Any) -> dict[str, Any]:
        """Call ``files.tag.add`` as ``cluster["files.tag"].add(…)``; returns ``{"result"}`` or ``{"error", …}``."""
        service, _, method = name.rpartition(".")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        call = {"service": service, "method": method, "args": args, "kwargs": params}
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def result(self, name: str, /, *args: Any, **params: Any) -> Any:
        """Call, and return the result."""
        answer = self.call(name, *args, **params)
        assert "result" in answer, answer
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def purge_calls(uri: str) -> None:
    """Forget calls that an earlier test left in the queue, if there is one."""
    connection = open_connection(uri)
    try:
        connection.channel().queue_purge("rpc-files")
    except amqp.NotFound:
        pass
    finally:
        connection.close()


class RawCaller:
    """Publishes what no client would, and sees what comes back."""

    def __init__(self, uri: str) -> None:
        self.connection = open_connection(uri)
        self.channel = self.connection.channel()
        self.reply_to = str(uuid.uuid4())
        self._queue, _, _ = self.channel.queue_declare("", exclusive=True)
        self.channel.queue_bind(self._queue, RPC_EXCHANGE, self.reply_to)

    def publish(self, body: bytes, *, exchange: str = RPC_EXCHANGE, routing_key: str, **properties: Any) -> None:
        """Publish a message."""
        self.channel.basic_publish(Message(body, **properties), exchange=exchange, routing_key=routing_key)

    def call(self, method: str, body: Any, **properties: Any) -> str:
        """Publish a call that is right but for what the properties change; returns its correlation id."""
        correlation_id = str(uuid.uuid4())
        given = {"content_type": "application/json", "correlation_id": correlation_id, "reply_to": self.reply_to}
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        kept = {name: value for name, value in {**given, **properties}.items() if value is not None}
        self.publish(encoded, routing_key=method, **kept)
        return correlation_id

    def reply(self, seconds: float = PATIENCE_SECONDS) -> tuple[str | None, dict[str, Any]]:
        """Wait for the next reply; returns its correlation id and body."""
        message = self._get(self._queue, seconds)
        assert message is not None, "no reply"
        return message.properties.get("correlation_id"), json.loads(message.body)

    def has_reply(self) -> bool:
        """Whether a reply waits; takes it."""
        return self.channel.basic_get(self._queue, no_ack=True) is not None

    def dead_letter(self, seconds: float = PATIENCE_SECONDS) -> Message:
        """Wait for the next dead letter and take it."""
        message = self._get(DEAD_LETTER, seconds)
        assert message is not None, "no dead letter"
        return message

    def has_dead_letter(self) -> bool:
        """Whether a dead letter waits; takes it."""
        return self.channel.basic_get(DEAD_LETTER, no_ack=True) is not None

    def expect_dead_letters(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many dead letters are there, whatever is in them."""
        deadline = time.monotonic() + seconds
        while (found := self.depth(DEAD_LETTER)[0]) != count:
            assert time.monotonic() < deadline, f"{found} dead letters instead of {count}"
            time.sleep(0.01)

    def purge_dead_letters(self) -> None:
        """Forget the dead letters of others."""
        self.channel.queue_purge(DEAD_LETTER)

    def depth(self, queue: str) -> tuple[int, int]:
        """Messages that are ready in a queue, and its consumers."""
        _, messages, consumers = self.channel.queue_declare(queue, passive=True)
        return messages, consumers

    def _get(self, queue: str, seconds: float) -> Message | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            message = self.channel.basic_get(queue, no_ack=True)
            if message is not None:
                return message
            time.sleep(0.01)
        return None

    def close(self) -> None:
        """Close the connection."""
        try:
            self.connection.close()
        except (OSError, amqp.AMQPError):
            self.connection.collect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
