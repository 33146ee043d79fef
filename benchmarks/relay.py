"""Announced events per second: by one worker and by two, beside a worker that awaits each confirm.

``BENCH_RELAY_FILES=20000 python -m benchmarks relay``; run it on an idle machine.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import SECRETS, cpu_seconds, running, with_children
from benchmarks.tables import Table, spread
from files_service.config import load_settings, read_config
from files_service.core import Core
from files_service.messaging.address import open_connection
from files_service.messaging.events import Event
from files_service.messaging.publisher import AmqpPublisher
from files_service.messaging.rpc.topology import EVENT_EXCHANGE
from files_service.services.opening import open_core
from files_service.worker.partitions import PARTITIONS
from files_service.worker.relay import CONSUMER, CONSUMERS, Relay
from storage_adapters import BEGINNING, SupportsChanges, SupportsLeases
from tests.contract.metadata_scenes import make_record
from tests.feeds import is_announced
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import RedisServer

FILES = int(os.environ.get("BENCH_RELAY_FILES", 20_000))
ROUNDS = 3
GOAL = 1.6
SECONDS = 600


class SinglePublisher(AmqpPublisher):
    """The publisher as it was: it waits for the confirm of each event before it sends the next."""

    def publish_all(self, events: Sequence[Event]) -> int:
        """Publish one by one."""
        return sum(super(SinglePublisher, self).publish_all([event]) for event in events)


def measure(*, files: int = FILES, rounds: int = ROUNDS) -> list[Table]:
    """Announce the same feed again and again."""
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[tuple[float, ...]]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        broker = stack.enter_context(RabbitMQ(folder / "broker"))
        redis = stack.enter_context(RedisServer(folder / "redis", appendfsync="no"))
        environ = {"FILES_DATA_DIR": str(folder), "AMQP_URI": broker.uri, "FILES_METADATA_URL": redis.url}
        core = stack.enter_context(closing(open_core(load_settings(read_config(environ={**SECRETS, **environ})))))
        fill(core, files)
        with heard(broker.uri) as purge:
            for title, workers, kind in (
                ("one worker, each confirm awaited", 1, "single"),
                ("one worker", 1, "batches"),
                ("two workers", 2, "batches"),
            ):
                with ExitStack() as started:
                    pids = [
                        started.enter_context(
                            running("-m", "benchmarks.relay", kind, log=folder / f"{number}.log", **environ)
                        ).pid
                        for number in range(workers)
                    ]
                    wait_for_shares(core, workers)
                    parts = (pids, [redis.pid], with_children(broker.pid))
                    for _ in range(rounds):
                        began, used = time.monotonic(), [cpu_seconds(each) for each in parts]
                        announce(core)
                        rates.setdefault(title, []).append(files / (time.monotonic() - began))
                        spent = [cpu_seconds(each) - before for each, before in zip(parts, used, strict=True)]
                        costs.setdefault(title, []).append(tuple(each / files * 1e6 for each in spent))
                        purge()
    return [table_of(files, rates, costs)]


def table_of(files: int, rates: dict[str, list[float]], costs: dict[str, list[tuple[float, ...]]]) -> Table:
    """Put the figures side by side."""
    table = Table(
        f"{files:,} events from Redis to RabbitMQ",
        [
            "by",
            "events/s",
            "of one worker",
            "processor µs per event, of the workers",
            "of Redis",
            "of the broker",
            "events/s on cores of their own",
            "of one",
        ],
        note="From the checkpoints' return to the beginning until all partitions have passed the last "
        "change; persistent messages into one durable queue. Redis, RabbitMQ and the workers share the machine, on "
        "which other work ran at the same time: rates of rows that ran one after the other compare badly where that "
        "work changes, processor times well. The last columns are what the processor time of the workers permits "
        "where each has a core of its own and the servers are elsewhere.",
    )
    one = statistics.median(rates["one worker"])
    base = 1e6 / statistics.median(cost for cost, *_ in costs["one worker"])
    for title, values in rates.items():
        workers = 2 if title.startswith("two") else 1
        columns = [spread(list(column)) for column in zip(*costs[title], strict=True)]
        alone = [workers * 1e6 / cost for cost, *_ in costs[title]]
        shares = [each / base for each in alone]
        ratio = spread([each / one for each in values], 2)
        table.rows.append([title, spread(values), ratio, *columns, spread(alone), spread(shares, 2)])
    table.rows.append(["goal of two", "", f"{GOAL}", "", "", "", "", f"{GOAL}"])
    return table


def fill(core: Core, files: int) -> None:
    """Write files, and hold their changes in the feed."""
    feed = changes_in(core)
    feed.move_checkpoint("benchmark", expected="", sequence=BEGINNING)
    for number in range(files):
        core.metadata.save(
            make_record(f"f{number:08}", alias=None), expected_revision=0, changed_at=core.clock(), event="created"
        )
    for consumer in CONSUMERS:
        feed.move_checkpoint(consumer, expected="", sequence=feed.last_sequence())


def announce(core: Core) -> None:
    """Put all checkpoints to the beginning, and wait until they are at the end."""
    feed = changes_in(core)
    for consumer in CONSUMERS:
        feed.move_checkpoint(consumer, expected=feed.last_sequence(), sequence=BEGINNING)
    end = time.monotonic() + SECONDS
    while not is_announced(feed):
        assert time.monotonic() < end
        time.sleep(0.01)


def wait_for_shares(core: Core, workers: int) -> None:
    """Wait until the partitions are divided evenly."""
    store = core.metadata
    assert isinstance(store, SupportsLeases)
    names = [CONSUMER, *(f"{CONSUMER}-{number}" for number in range(1, PARTITIONS))]
    end = time.monotonic() + SECONDS
    while True:
        holders = store.lease_holders(names, now=core.clock())
        if "" not in holders and len(set(holders)) == workers:
            return
        assert time.monotonic() < end, holders
        time.sleep(0.1)


@contextmanager
def heard(uri: str) -> Iterator[Any]:
    """Bind a durable queue to all events; give a function that empties it."""
    with closing(open_connection(uri)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EVENT_EXCHANGE, "topic", durable=True, auto_delete=False)
        channel.queue_declare("bench.events", durable=True, auto_delete=False)
        channel.queue_bind("bench.events", EVENT_EXCHANGE, "#")
        yield lambda: channel.queue_purge("bench.events")


def changes_in(core: Core) -> SupportsChanges:
    """Return the feed of a store."""
    assert isinstance(core.metadata, SupportsChanges)
    return core.metadata


def work(kind: str) -> None:
    """Relay until killed."""
    settings = load_settings(read_config())
    publisher = (SinglePublisher if kind == "single" else AmqpPublisher)(settings.amqp_uri or "")
    with closing(open_core(settings)) as core:
        relay = Relay(core, publisher, holder=core.new_id())
        while True:
            time.sleep(relay.step())


if __name__ == "__main__":
    work(sys.argv[1])
