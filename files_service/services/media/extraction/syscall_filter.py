"""The filter of system calls of the subprocess (seccomp): it starts no process and no program, and touches no other.

Threads stay possible: the decoders need them. Everything else is left to the other limits (``confinement``).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_CLONE_THREAD = 0x1_0000
_KILL, _ERRNO, _ALLOW = 0x8000_0000, 0x5_0000, 0x7FFF_0000
# Loads a word, compares it and jumps, returns.
_LOAD, _EQUAL, _AT_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE3 = 435
# x86-64 numbers from here on are those of its 32-bit pointers.
_X32 = 0x4000_0000
# Architecture; clone, tgkill; fork, vfork, execve, execveat, kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, ptrace,
# process_vm_writev.
_MACHINES = {
    "x86_64": (0xC000_003E, 56, 234, (57, 58, 59, 322, 62, 200, 129, 297, 101, 311)),
    "aarch64": (0xC000_00B7, 220, 131, (221, 281, 129, 130, 138, 240, 117, 271)),
}


def filter_calls(libc: ctypes.CDLL) -> bool:
    """Install the filter; return False where the system has none. Privileges can no longer be gained by then."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 2**32:
        return False
    program = b"".join(struct.pack("HBBI", *each) for each in _program(*machine))
    code = ctypes.create_string_buffer(program)
    described = ctypes.create_string_buffer(struct.pack("HP", len(program) // 8, ctypes.addressof(code)))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described, 0, 0) == 0)


def _program(architecture: int, clone: int, tgkill: int, refused: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    denied, allowed = (_RETURN, 0, 0, _ERRNO | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        denied,
        (_EQUAL, 0, 1, _CLONE3),
        # The C library then calls clone, whose flags a filter can see.
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    for number in refused:
        program += [(_EQUAL, 0, 1, number), denied]
    # A signal to itself is how the C library ends a process.
    for number, test, value in ((clone, _HAS_BIT, _CLONE_THREAD), (tgkill, _EQUAL, os.getpid())):
        program += [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, _FIRST_ARGUMENT), (test, 0, 1, value), allowed, denied]
    return [*program, allowed]
