"""Run a program that the kernel ends when it reaches for the network.

A program: `python -m tests.e2e.confined [--listens] PROGRAM ARGUMENT...`. It sets a seccomp filter
(https://man7.org/linux/man-pages/man2/seccomp.2.html), which the program and its children inherit and cannot take off,
and becomes the program. No audit hook sees what a C library does, such as gRPC's core; the kernel does.

The system call `socket` kills with SIGSYS. What is left is `socketpair`: asyncio's event loop wakes itself through one,
and it leads nowhere. With `--listens` a program may open sockets and wait for others, but not connect to anybody.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import Final, NamedTuple

_NO_NEW_PRIVS: Final = 38
_SET_SECCOMP: Final = 22
_FILTER_MODE: Final = 2
_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_KILL_PROCESS: Final = 0x8000_0000
_ALLOW: Final = 0x7FFF_0000
_NUMBER_AT, _ARCHITECTURE_AT, _ADDRESS_AT = 0, 4, 48
"""Offsets in `struct seccomp_data`; the last one is of the fifth argument's lower half: where `sendto` sends."""
_IO_URING_SETUP: Final = 425
"""The other way to a socket, and the same number everywhere."""


class Architecture(NamedTuple):
    """What the kernel calls a processor, and its numbers of the system calls."""

    audit: int
    socket: int
    connect: int
    sendto: int
    sendmmsg: int


ARCHITECTURES: Final = {
    "x86_64": Architecture(0xC000_003E, socket=41, connect=42, sendto=44, sendmmsg=307),
    "aarch64": Architecture(0xC000_00B7, socket=198, connect=203, sendto=206, sendmmsg=269),
}


class _Instruction(ctypes.Structure):
    """`struct sock_filter` of the classic BPF."""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def confine(*, listens: bool) -> None:
    """Give up the network for good, in this process and its children.

    Raises:
        OSError: the kernel refuses.
    """
    here = ARCHITECTURES[platform.machine()]
    forbidden = (here.connect, here.sendmmsg) if listens else (here.socket,)
    kill = [_Instruction(_RETURN, 0, 0, _KILL_PROCESS)]
    code = [
        _Instruction(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _Instruction(_JUMP_IF_EQUAL, 1, 0, here.audit),
        *kill,
        _Instruction(_LOAD, 0, 0, _NUMBER_AT),
    ]
    for number in (*forbidden, _IO_URING_SETUP):
        code += [_Instruction(_JUMP_IF_EQUAL, 0, 1, number), *kill]
    if listens:
        code += [
            _Instruction(_JUMP_IF_EQUAL, 0, 3, here.sendto),
            _Instruction(_LOAD, 0, 0, _ADDRESS_AT),
            _Instruction(_JUMP_IF_EQUAL, 1, 0, 0),
            *kill,
        ]
    code.append(_Instruction(_RETURN, 0, 0, _ALLOW))
    program = _Program(len(code), (_Instruction * len(code))(*code))
    libc = ctypes.CDLL(None, use_errno=True)
    for request in ((_NO_NEW_PRIVS, 1, 0, 0, 0), (_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program), 0, 0)):
        if libc.prctl(*request) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def main() -> None:
    """Confine this process, and become the program."""
    words = sys.argv[1:]
    listens = words[0] == "--listens"
    command = words[listens:]
    confine(listens=listens)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
