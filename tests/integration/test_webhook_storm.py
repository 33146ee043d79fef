"""A storm of notifications while stores and broker are killed: every file is completed once, nothing is lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from files_service.core import Core
from files_service.messaging.address import open_connection
from files_service.messaging.rpc.topology import EVENT_EXCHANGE
from files_service.services.opening import open_core
from storage_adapters import SupportsChanges
from tests.cores import call, pending_file, settings_for
from tests.fakes.gcs.server import FakeGcs
from tests.fakes.gcs.tokens import KEY_ID, pem
from tests.fakes.pubsub.notices import description, message, wrapped
from tests.feeds import file_changes, is_announced
from tests.scale import NIGHTLY
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import RedisServer
from tests.waiting import PATIENCE_SECONDS, wait_until

NOTIFICATIONS = 20_000 if NIGHTLY else 400
DUPLICATES, UNKNOWN, MALFORMED, FORGED = 0.30, 0.05, 0.01, 0.01
EMAIL = "pusher@demo.iam.gserviceaccount.com"
AUDIENCE = "https://files.example.org/webhooks/gcs/pubsub"
CONSUMER = "storm"
QUEUE = "storm-events"
SETTLE_SECONDS = 1_500
SEED = 7
START_TRIES = 10


@dataclass
class Outage:
    """When a server did not answer."""

    name: str
    began: float = 0.0
    ended: float = 0.0


@dataclass
class Storm:
    """The notifications, and what they are about."""

    parts: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def notifications(core: Core, google: FakeGcs) -> Storm:
    """Declare files of one to five parts, store their bytes, and make the storm of it."""
    dice = random.Random(SEED)
    genuine = google.tokens.id_token(email=EMAIL, audience=AUDIENCE)
    forger = pem(rsa.generate_private_key(public_exponent=65_537, key_size=2_048))
    claims = jwt.decode(genuine, options={"verify_signature": False})
    forged = jwt.encode(claims, forger, algorithm="RS256", headers={"kid": KEY_ID})
    count = {name: int(NOTIFICATIONS * share) for name, share in SHARES.items()}
    objects = NOTIFICATIONS - sum(count.values())
    sizes: list[int] = []
    while sum(sizes) < objects:
        sizes.append(min(dice.randint(1, 5), objects - sum(sizes)))
    storm = Storm()
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda size: declared(core, size), sizes))
    bodies = [body for _, parts in made for body in parts]
    storm.parts = {file_id: len(parts) for file_id, parts in made}
    nobody = "0" * 32 + "/01ARZ3NDEKTSV4RRFFQ69G5FAV/p0"
    nonsense = ['{"message": {"data": "*"}}', "{", '{"message": {"attributes": {"eventType": "OBJECT_FINALIZE"}}}']
    bodies += dice.choices(bodies, k=count["duplicates"])
    bodies += [wrapped(message(description(nobody, b"x"))).decode()] * count["unknown"]
    bodies += dice.choices(nonsense, k=count["malformed"])
    items = [{"body": body, "token": genuine, "forged": False} for body in bodies]
    items += [{"body": body, "token": forged, "forged": True} for body in dice.choices(bodies, k=count["forged"])]
    dice.shuffle(items)
    storm.lines = [json.dumps(each) for each in items]
    return storm


SHARES = {"duplicates": DUPLICATES, "unknown": UNKNOWN, "malformed": MALFORMED, "forged": FORGED}


def declared(core: Core, parts: int) -> tuple[str, list[str]]:
    """Declare a file, store its bytes; returns its id and a push for each of its parts."""
    contents = [os.urandom(16) for _ in range(parts)]
    record = call(
        core,
        "files.upload",
        owner="ann",
        name="clip.bin",
        parts=[{"size": len(content)} for content in contents],
        resumable=False,
    )
    bodies = []
    for part, content in zip(record["parts"], contents, strict=True):
        core.blobs.put(part["key"], [content], content_type=part["content_type"], now=core.clock())
        bodies.append(wrapped(message(description(part["key"], content, generation=time.time_ns() // 1_000))).decode())
    return record["file_id"], bodies


class Installation:
    """Two gateways and two workers on one Redis and one broker."""

    def __init__(self, folder: Path, redis: RedisServer, broker: RabbitMQ, google: FakeGcs) -> None:
        environ = {
            "FILES_METADATA_URL": f"{redis.url}?timeout=30",
            "FILES_BLOBS_URL": f"file://{folder}/blobs?bucket=files",
            "FILES_WEBHOOK_EMAIL": EMAIL,
            "FILES_WEBHOOK_AUDIENCE": AUDIENCE,
            "FILES_WEBHOOK_CERTS_URL": f"{google.url}/oauth2/v3/certs",
        }
        self.core = open_core(settings_for(folder, **environ))
        command = ("-m", "files_service.cli", "--config", "{config}")
        ports = free_ports(2)
        self.urls = [f"http://127.0.0.1:{port}/webhooks/gcs/pubsub" for port in ports]
        self.gateways = [
            ServiceProcess(
                folder / f"gateway-{port}",
                "",
                command=(*command, "gateway"),
                environ={**environ, "FILES_HTTP": f"127.0.0.1:{port}"},
            )
            for port in ports
        ]
        self.workers = [
            ServiceProcess(folder / f"worker-{n}", broker.uri, command=(*command, "worker"), environ=environ)
            for n in range(2)
        ]

    def logs(self) -> str:
        return "".join(each.log() for each in (*self.gateways, *self.workers))

    def refuses(self) -> bool:
        """Return True when a gateway has sent a notification back to come again."""
        return any('"status": 503' in each.log() for each in self.gateways)

    def gateway_cpu_seconds(self) -> float:
        """How long the gateways have computed."""
        ticks = 0
        for gateway in self.gateways:
            stat = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(stat[11]) + int(stat[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def installation(
    tmp_path: Path, own_redis: RedisServer, own_broker: RabbitMQ
) -> Iterator[tuple[Installation, FakeGcs]]:
    with FakeGcs() as google, ExitStack() as stack:
        made = Installation(tmp_path, own_redis, own_broker, google)
        stack.callback(made.core.close)
        for process in (*made.gateways, *made.workers):
            stack.enter_context(process)
        yield made, google


def kill_and_restart(
    server: RedisServer | RabbitMQ, outage: Outage, noticed: Callable[[], bool] = lambda: True
) -> None:
    """Kill a server, and start it again when that was noticed."""
    outage.began = time.monotonic()
    server.kill()
    wait_until(noticed, seconds=PATIENCE_SECONDS)
    for _ in range(START_TRIES):
        # On a machine that computes as fast as it can, a server may take longer than it is given.
        with suppress(RuntimeError):
            server.start()
            break
    outage.ended = time.monotonic()


def restart_and_listen(broker: RabbitMQ, outage: Outage) -> None:
    """Kill the broker, start it again, and bind again as receivers do: it may have forgotten a young binding."""
    kill_and_restart(broker, outage)
    listen(broker)


def send(path: Path, urls: list[str], deeds: dict[int, Any]) -> dict[str, Any]:
    """Let the storm loose; each deed is done once so many notifications are settled. Returns the sender's report."""
    command = [sys.executable, "-m", "tests.integration.storm_sender", str(path), *urls]
    due = sorted(deeds)
    doing: list[threading.Thread] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        for line in sender.stdout:
            if line.startswith("{"):
                report: dict[str, Any] = json.loads(line)
            elif due and int(line) >= due[0]:
                doing.append(threading.Thread(target=deeds[due.pop(0)]))
                doing[-1].start()
    for thread in doing:
        thread.join()
    assert sender.returncode == 0
    assert not due
    return report


def announced_to_all(broker: RabbitMQ) -> Counter[tuple[str, str, str]]:
    """What is in the queue of events: how often each event of each file came, under which id."""
    found: Counter[tuple[str, str, str]] = Counter()
    connection = open_connection(broker.uri)
    try:
        channel = connection.channel()
        while (delivery := channel.basic_get(QUEUE, no_ack=True)) is not None:
            payload = json.loads(delivery.body)
            found[(payload["event"], payload["file_id"], payload["event_id"])] += 1
    finally:
        connection.close()
    return found


def listen(broker: RabbitMQ) -> None:
    """Have the broker keep all events."""
    connection = open_connection(broker.uri)
    try:
        channel = connection.channel()
        channel.exchange_declare(EVENT_EXCHANGE, "topic", durable=True, auto_delete=False)
        channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        channel.queue_bind(QUEUE, EVENT_EXCHANGE, "#")
    finally:
        connection.close()


def wait_until_processed(core: Core, files: int) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        by_status = call(core, "files.count", owner="ann")["by_status"]
        if by_status == {"processed": files}:
            return
        assert time.monotonic() < deadline, by_status
        time.sleep(0.2)


def wait_until_announced(core: Core) -> None:
    assert isinstance(core.metadata, SupportsChanges)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not is_announced(core.metadata):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def hold_the_feed(core: Core) -> str:
    """Have nothing trimmed of the change feed from now on; returns where it is held."""
    assert isinstance(core.metadata, SupportsChanges)
    pending_file(core, owner="bob")
    sequence = core.metadata.last_sequence()
    core.metadata.move_checkpoint(CONSUMER, expected="", sequence=sequence)
    return sequence


def changes_of(core: Core, after: str) -> Counter[tuple[str, str]]:
    """How often each event of each file stands in the change feed."""
    assert isinstance(core.metadata, SupportsChanges)
    found: Counter[tuple[str, str]] = Counter()
    while changes := file_changes(core.metadata, after=after, limit=1_000):
        found.update((each.event, each.file_id) for each in changes if each.event is not None)
        after = changes[-1].sequence
    return found


@pytest.mark.broker
@pytest.mark.timeout(3_600)
def test_every_file_is_completed_once_whatever_comes_and_whatever_goes(
    installation: tuple[Installation, FakeGcs], tmp_path: Path, own_redis: RedisServer, own_broker: RabbitMQ
) -> None:
    made, google = installation
    core = made.core
    listen(own_broker)
    before = hold_the_feed(core)
    storm = notifications(core, google)
    path = tmp_path / "storm"
    path.write_text("\n".join(storm.lines))
    redis_outage, broker_outage = Outage("redis"), Outage("broker")
    computed = made.gateway_cpu_seconds()

    report = send(
        path,
        made.urls,
        {
            len(storm.lines) // 4: lambda: kill_and_restart(own_redis, redis_outage, made.refuses),
            len(storm.lines) // 2: lambda: restart_and_listen(own_broker, broker_outage),
        },
    )
    computed = made.gateway_cpu_seconds() - computed
    wait_until_processed(core, len(storm.parts))
    wait_until_announced(core)

    # All were settled, and what was not at first, was answered 5xx while Redis was away.
    assert report["settled"] == len(storm.lines)
    assert set(report["statuses"]) <= {"genuine 204", "forged 401", "genuine 503"}
    for status, sent_at, answered_at in report["failures"]:
        assert status == 503
        assert sent_at <= redis_outage.ended
        assert answered_at >= redis_outage.began
    assert report["failures"], "nobody noticed that Redis was away"

    # Each file was completed once: in the feed by one write, and to all others under one id.
    expected = {(event, file_id): 1 for event in ("created", "uploaded", "processed") for file_id in storm.parts}
    assert changes_of(core, before) == expected
    heard = announced_to_all(own_broker)
    assert Counter((event, file_id) for event, file_id, _ in heard if file_id in storm.parts) == expected

    logs = made.logs()
    assert '"level": "error"' not in logs
    genuine = json.loads(storm.lines[0])["token"]
    assert genuine.rpartition(".")[2] not in logs
    print(  # noqa: T201 - the figures of the long run
        f"\n{len(storm.lines)} notifications, {len(storm.parts)} files: {report['seconds']:.1f} s,"
        f" {len(storm.lines) / report['seconds']:.0f}/s with outages of {redis_outage.ended - redis_outage.began:.1f} s"
        f" and {broker_outage.ended - broker_outage.began:.1f} s, {len(report['failures'])} redelivered;"
        f" gateways computed {computed:.1f} s: {len(storm.lines) / computed:.0f}/s and core"
    )
