"""A gateway in a process of its own, that can be killed and started again at the same address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.cores import SECRETS
from tests.servers.ports import free_ports

START_SECONDS = 300
# The configuration of the package, which takes the addresses from the environment.
PACKAGED = (Path(__file__).parents[2] / "config.yaml").read_text()


class GatewayProcess:
    """``files gateway`` over one data folder."""

    def __init__(self, data_dir: Path, config: str, **environ: str) -> None:
        [self.port] = free_ports(1)
        self._config = data_dir / f"config-{self.port}.yaml"
        self._config.write_text(config)
        self._environ = {
            **os.environ,
            **SECRETS,
            "FILES_DATA_DIR": str(data_dir),
            "FILES_HTTP": f"127.0.0.1:{self.port}",
            "FILES_LOG_LEVEL": "ERROR",
            **environ,
        }
        self._log = (data_dir / f"gateway-{self.port}.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def peak_memory_bytes(self) -> int:
        """The most resident memory that the process had so far."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        [kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(kib) * 1024

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "files_service.cli", "--config", str(self._config), "gateway"]
        self._process = subprocess.Popen(command, env=self._environ, stdout=self._log, stderr=self._log)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "the gateway ended"
                assert time.monotonic() < end, "the gateway does not start"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Kill it as a power cut would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()
