"""Limits of the subprocess, set by itself before it sees a byte of the file.

1. Limits of processor time, memory and size of written files; no core dump; the process ends with its parent.
2. A network namespace of its own, without any network, where the system lets an unprivileged process make one.
3. Once everything is imported, no further file descriptor: no file is opened and no socket made, also by native code.
   An audit hook refuses the same in Python, with an error that says so. From then on it starts no process either, and
   reaches no other one, by a filter of system calls.
"""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
from typing import Any

from files_service.services.media.extraction.syscall_filter import filter_calls

CPU_SECONDS = 20
MEMORY_BYTES = 2**30
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_REFUSED = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "open", "shutil.")


def confine() -> str:
    """Set the limits; return what keeps the process from the network: ``namespace`` or ``descriptors``."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # The kernel ends the process at the first limit, and certainly at the second.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    # Those who stop a group of processes mean the parent, which ends this one when it has to.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_PDEATHSIG, signal.SIGKILL), (_PR_SET_DUMPABLE, 0), (_PR_SET_NO_NEW_PRIVS, 1)):
        libc.prctl(option, value, 0, 0, 0)
    return "descriptors" if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) else "namespace"


def seal() -> bool:
    """Allow no further file descriptor and no other process; call it after the last import.

    Returns False where the system has no filter of system calls: processes can be started there.
    """
    is_filtered = filter_calls(ctypes.CDLL(None))
    sys.addaudithook(_refuse)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    return is_filtered


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith(_REFUSED):
        raise PermissionError(f"{event} is not possible here")
