"""A system-call filter for the drawing process: no network, no new process, no file opened for writing.

Linux on x86-64 and ARM 64 only; `install` says whether it worked. Written in classic BPF (seccomp(2)), so that
no library is needed. Runs inside the worker, which has none of our packages on its path: standard library only.
"""

from __future__ import annotations

import ctypes
import platform
import struct

_ALLOW, _ERRNO_EPERM, _ERRNO_ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_LOAD, _EQUAL, _ATLEAST, _ANYBIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_WRITE_FLAGS = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
_X32 = 0x40000000

# socket connect accept bind listen sendto sendmsg socketpair accept4 clone fork vfork execve kill ptrace
# unlink rename mkdir rmdir creat link symlink chmod truncate mount setns unshare bpf io_uring_setup ...
_X86 = (
    41, 42, 43, 44, 46, 49, 50, 53, 288, 56, 57, 58, 59, 322, 62, 200, 234, 101, 310, 311, 76, 82, 83, 84, 85, 86,
    87, 88, 90, 92, 94, 133, 161, 165, 166, 175, 246, 258, 259, 260, 263, 264, 265, 266, 268, 272, 304, 308, 313,
    316, 321, 323, 425, 428, 429, 430, 437, 438,
)  # fmt: skip
_ARM = (
    198, 199, 200, 201, 202, 203, 206, 211, 242, 220, 221, 281, 129, 130, 131, 117, 270, 271, 33, 34, 35, 36, 37, 38,
    39, 40, 45, 51, 53, 54, 97, 105, 104, 265, 268, 273, 276, 280, 282, 425, 428, 429, 430, 437, 438,
)  # fmt: skip
_MACHINES: dict[str, tuple[int, tuple[int, ...], dict[int, int]]] = {
    # machine: (audit architecture, refused calls, {call that opens files: index of its flags})
    "x86_64": (0xC000003E, _X86, {2: 1, 257: 2}),
    "aarch64": (0xC00000B7, _ARM, {56: 2}),
}
_CLONE3 = 435


def program(machine: str) -> bytes:
    """Return the filter as BPF instructions (8 bytes each)."""
    architecture, refused, opening = _MACHINES[machine]
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _ERRNO_EPERM),
        (_LOAD, 0, 0, 0),
        (_ATLEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _ERRNO_EPERM),
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO_ENOSYS),
    ]
    for number in refused:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO_EPERM)]
    for number, index in opening.items():
        code += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, 16 + 8 * index),
            (_ANYBIT, 0, 1, _WRITE_FLAGS),
            (_RETURN, 0, 0, _ERRNO_EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ]
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in code)


def install() -> bool:
    """Filter this process from now on; return whether the system took it."""
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in _MACHINES:
        return False
    body = program(machine)
    buffer = ctypes.create_string_buffer(body, len(body))

    class _Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    wanted = _Program(len(body) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
        return False
    return bool(libc.prctl(22, 2, ctypes.byref(wanted), 0, 0) == 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
