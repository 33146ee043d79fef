"""files.info over AMQP, beside an empty method of a stock nameko service on the same broker in the same run."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.amqp_load import Result, RpcLoad
from benchmarks.processes import SECRETS, running
from benchmarks.tables import Table, spread
from files_service.api import METHODS
from files_service.config import load_settings, read_config
from files_service.services.opening import open_core
from tests.servers.rabbitmq import RabbitMQ

IN_FLIGHT = (1, 10, 100)
ROUNDS = 5
SECONDS = 3.0


def measure(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Table]:
    """Alternate between the two services, so that both run under the same conditions."""
    with tempfile.TemporaryDirectory() as name, RabbitMQ(Path(name) / "broker") as broker:
        folder = Path(name)
        data_dir = folder / "data"
        file_id = _make_file(data_dir)
        config = folder / "stock.yaml"
        config.write_text(f"AMQP_URI: {broker.uri}\nmax_workers: 10\n")
        environ = {"AMQP_URI": broker.uri, "FILES_DATA_DIR": str(data_dir), "FILES_LOG_LEVEL": "WARNING"}
        with (
            running("-m", "files_service.cli", "rpc", log=folder / "ours.log", **environ),
            running(
                "-m", "nameko", "run", "--config", str(config), "benchmarks.stock_service", log=folder / "stock.log"
            ),
        ):
            load = RpcLoad(broker.uri)
            calls: list[tuple[str, dict[str, str]]] = [("stock.empty", {}), ("files.info", {"file_id": file_id})]
            for key, kwargs in calls:
                _wait(load, key, kwargs)
            runs: dict[tuple[int, str], list[Result]] = {}
            for in_flight in IN_FLIGHT:
                for _ in range(rounds):
                    for key, kwargs in calls:
                        result = load.run(key, kwargs, in_flight=in_flight, seconds=seconds)
                        runs.setdefault((in_flight, key), []).append(result)
            load.close()
    return [_table(runs, rounds, seconds)]


def _table(runs: dict[tuple[int, str], list[Result]], rounds: int, seconds: float) -> Table:
    table = Table(
        "files.info on SQLite over AMQP",
        ["in flight", "service", "calls/s", "p50 ms", "p99 ms", "ratio, pair by pair"],
        note=(
            f"{rounds} alternating runs of {seconds:g} s, median (least-greatest). The peer is an empty method of "
            "a stock nameko 2.14.1 service; both have one process and ten workers. Goal for the ratio: at least 1.0."
        ),
    )
    for in_flight in IN_FLIGHT:
        ours, stock = runs[in_flight, "files.info"], runs[in_flight, "stock.empty"]
        assert not any(result.errors for result in ours + stock), "a call returned an error"
        ratios = [a.calls_per_second / b.calls_per_second for a, b in zip(ours, stock, strict=True)]
        for name, results, ratio in (("files.info", ours, spread(ratios, 2)), ("stock, empty", stock, "1")):
            table.rows.append(
                [
                    str(in_flight),
                    name,
                    spread([r.calls_per_second for r in results]),
                    spread([r.p50_ms for r in results], 2),
                    spread([r.p99_ms for r in results], 2),
                    ratio,
                ]
            )
    return table


def _make_file(data_dir: Path) -> str:
    core = open_core(load_settings(read_config(environ={"FILES_DATA_DIR": str(data_dir), **SECRETS})))
    params = {"owner": "bench", "name": "clip.mp4", "parts": [{"size": 1, "content_type": "video/mp4"}]}
    file_id: str = METHODS["files.upload"](params, core)["file_id"]
    core.close()
    return file_id


def _wait(load: RpcLoad, key: str, kwargs: dict[str, str]) -> None:
    """Return when the service answers. A call sent before its queue exists is dropped; each attempt is a new call."""
    end = time.monotonic() + 60
    while not load.answers(key, kwargs, seconds=0.5):
        if time.monotonic() > end:
            raise TimeoutError(f"{key} does not answer")


if __name__ == "__main__":
    for table in measure():
        print(table.markdown())
