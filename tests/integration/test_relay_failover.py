"""A Redis that comes back without its latest writes: every change that is left is announced, in order."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from files_service.services.opening import open_core
from files_service.worker.relay import Relay
from storage_adapters import SupportsChanges
from tests.cores import call, settings_for
from tests.feeds import file_changes
from tests.publishers import Collector
from tests.servers.redis import RedisServer
from tests.syncer.test_failover import fall_back, keys_of


def test_changes_with_the_sequences_of_lost_ones_are_announced_in_order(own_redis: RedisServer, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, FILES_METADATA_URL=own_redis.url)
    with closing(open_core(settings)) as core:
        assert isinstance(core.metadata, SupportsChanges)

        def upload() -> Any:
            return call(core, "files.upload", owner="ann", name="a", parts=[{"size": 5}])

        publisher = Collector()
        relay = Relay(core, publisher, holder="one")
        upload()
        relay.step()
        kept = keys_of(own_redis)
        for _ in range(3):
            upload()
        relay.step()
        fall_back(own_redis, kept)
        before = len(publisher.ids)
        # More than were lost: without another look the last of them would come first.
        for _ in range(5):
            upload()
        relay.step()
        relay.step()
        left = [change.record.change_token for change in file_changes(core.metadata, after="1", limit=100)]
        assert len(left) == 5
        assert publisher.ids[before:] == left
