"""Broken and hostile files: each is processed, none ends the worker, and the subprocess keeps within its limits."""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from files_service.services.media.extractor import Limits, extract
from tests.cores import call, memory_core, processed_file
from tests.media import samples
from tests.media.hostile import Case, cases
from tests.media.opening import opened
from tests.servers.commands import run_command

CONFINE = "from files_service.services.media.extraction import confinement\n"


def test_broken_and_hostile_files_are_processed_all_the_same(tmp_path: Path) -> None:
    core = memory_core(tmp_path, media=True)
    found = list(cases())

    def processed(case: Case) -> str:
        name, content_type, data = case
        record = processed_file(core, data, name=name, parts=[{"size": len(data), "content_type": content_type}])
        return f"{record['status']}, {record['error']}"

    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip([name for name, *_ in found], pool.map(processed, found), strict=True))
    assert len(outcomes) >= 30
    assert set(outcomes.values()) == {"processed, None"}
    # The worker goes on.
    data = samples.jpeg()
    good = processed_file(core, data, name="p.jpg", parts=[{"size": len(data), "content_type": "image/jpeg"}])
    assert len(call(core, "files.info", file_id=good["file_id"])["derived"]) == 3
    core.close()


def test_an_extraction_ends_when_its_time_is_over() -> None:
    found = opened("clip", samples.clip(), limits=Limits(wall_seconds=0.01))
    assert found.fault == "the subprocess took too long"


def test_an_extraction_that_reads_too_much_keeps_what_it_has() -> None:
    data = samples.clip()
    found = opened("clip", data, limits=Limits(poster_bytes=0))
    assert found.fault is not None
    assert found.read_bytes == 0
    found = opened("clip", data, limits=Limits(read_bytes=0))
    assert "poster" in found.pictures


def test_an_extraction_that_says_too_much_is_ended() -> None:
    found = opened("picture", samples.jpeg(), limits=Limits(output_bytes=600))
    assert found.fault == "the subprocess said too much"


def test_bytes_that_are_gone_are_a_fault_of_the_preview() -> None:
    found = extract("picture", [1_000], lambda source, offset, length: None)
    assert "no more bytes" in (found.fault or "")


def run_confined(script: str) -> tuple[int, str]:
    done = run_command([sys.executable, "-I", "-c", CONFINE + script])
    return done.returncode, done.stdout + done.stderr


def test_the_subprocess_opens_neither_file_nor_socket() -> None:
    status, said = run_confined(
        """
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
print(confinement.confine())
confinement.seal()
for act in (socket.socket, lambda: open("/etc/passwd"), lambda: os.system("true"), os.fork):
    try:
        act()
    except OSError as error:
        print("refused", type(error).__name__)
# As native code does it, behind the back of Python.
for number, call in (("socket", lambda: libc.socket(2, 1, 0)), ("open", lambda: libc.open(b"/etc/passwd", 0))):
    print(number, call(), ctypes.get_errno() == errno.EMFILE)
"""
    )
    assert status == 0, said
    assert said.split("\n")[0] in ("namespace", "descriptors")
    assert said.count("refused PermissionError") == 4
    assert "socket -1 True" in said
    assert "open -1 True" in said


def test_a_subprocess_without_a_network_namespace_says_so_and_is_sealed_too() -> None:
    status, said = run_confined(
        """
import ctypes, socket
confinement._CLONE_NEWUSER = confinement._CLONE_NEWNET = -1
print(confinement.confine())
confinement.seal()
print(ctypes.CDLL(None).socket(2, 1, 0))
"""
    )
    assert (status, said.split()) == (0, ["descriptors", "-1"])


def test_the_subprocess_starts_no_process_and_reaches_none_but_has_threads() -> None:
    status, said = run_confined(
        """
import ctypes, errno, os, signal, threading
libc = ctypes.CDLL(None, use_errno=True)
other = os.getppid()
confinement.confine()
print(confinement.seal())
def refused(name, *arguments):
    ctypes.set_errno(0)
    print(name, getattr(libc, name)(*arguments), ctypes.get_errno() == errno.EPERM)
refused("fork")
refused("vfork")
refused("execve", b"/bin/true", None, None)
refused("kill", other, 0)
refused("ptrace", 16, other, 0, 0)
refused("tgkill", other, other, 0)
found = []
threads = [threading.Thread(target=found.append, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(found), flush=True)
os.abort()
"""
    )
    assert status == -signal.SIGABRT, said
    names = ("fork", "vfork", "execve", "kill", "ptrace", "tgkill")
    assert said.splitlines() == ["True", *(f"{name} -1 True" for name in names), "[0, 1, 2, 3]"]


@pytest.mark.parametrize(
    ("limit", "script"),
    [
        ("CPU_SECONDS", "while True: pass"),
        ("MEMORY_BYTES", "bytearray(2**31)"),
    ],
)
def test_the_subprocess_has_limits_of_time_and_memory(limit: str, script: str) -> None:
    less = "confinement.CPU_SECONDS = 1\n" if limit == "CPU_SECONDS" else ""
    status, said = run_confined(f"{less}confinement.confine()\n{script}")
    if limit == "CPU_SECONDS":
        assert status in (-signal.SIGXCPU, -signal.SIGKILL)
    else:
        assert status == 1
        assert "MemoryError" in said
