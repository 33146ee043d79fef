"""The worker's metrics say what its loops did."""

from __future__ import annotations

from pathlib import Path

from files_service.messaging.events import LogPublisher
from files_service.runtime.metrics import Metrics
from files_service.worker.metrics import WorkerCollector
from files_service.worker.run import Worker
from tests.cores import call, memory_core, put_parts
from tests.waiting import PATIENCE_SECONDS


def test_announced_and_processed_files_are_counted(tmp_path: Path) -> None:
    core = memory_core(tmp_path)
    worker = Worker(core, LogPublisher())
    metrics = Metrics()
    metrics.watch(WorkerCollector(worker))
    record = call(core, "files.upload", owner="ann", name="clip.bin", parts=[{"size": 1}])
    put_parts(core, record, [b"x"])
    call(core, "files.finish", file_id=record["file_id"], part_id="p0")

    worker.processor.step()
    while worker.processor.work():
        pass
    worker.relay.step()

    assert _value(metrics, "files_processing_total", status="processed") == 1
    assert _value(metrics, "files_relay_events_total") == 3
    assert _value(metrics, "files_relay_lag_changes") == 0
    assert _value(metrics, "files_worker_alive") == 0
    worker.start()
    assert _value(metrics, "files_worker_alive") == 1
    assert worker.stop(PATIENCE_SECONDS)
    core.close()


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    value: float | None = metrics.registry.get_sample_value(name, labels)
    return value
