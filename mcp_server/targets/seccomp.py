"""Filters of system calls (seccomp), assembled from a few kinds of rules and accepted for good. Linux on x86-64 and arm64.

A filter is a list of instructions that ends in an answer to every call. Threads and programs started later inherit it, and
it can never be taken off again. Each filter answers calls of another architecture by ending the process.
"""

import ctypes
import errno
import platform
from collections.abc import Iterable, Sequence

Instruction = tuple[int, int, int, int]
"""Code, jump when true, jump when false, value: the kernel's `struct sock_filter`."""
LOAD, AND, EQUAL, ABOVE, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x25, 0x35, 0x45, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
NUMBER: Instruction = (LOAD, 0, 0, 0)

_MARKS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction))]


def known_machine() -> str:
    """This machine's name where filters are written for it, else empty."""
    return platform.machine() if platform.machine() in _MARKS else ""


def refusal(number: int = errno.EPERM) -> int:
    """The answer that makes a call fail with this error."""
    return 0x00050000 | number


def argument(index: int, *, upper: bool = False) -> Instruction:
    """Load 32 bits of an argument: the kernel looks at no more of an `int`."""
    return (LOAD, 0, 0, 16 + 8 * index + (4 if upper else 0))


def when(number: int, rules: Sequence[Instruction]) -> list[Instruction]:
    """Rules for one call; they must end in an answer whatever happens."""
    return [(EQUAL, 0, len(rules), number), *rules]


def only(load: Sequence[Instruction], values: Iterable[int], otherwise: int) -> list[Instruction]:
    """Allow when what is loaded is one of these values; else the answer given."""
    listed = list(values)
    tests = [(EQUAL, len(listed) - index, 0, value) for index, value in enumerate(listed)]
    return [*load, *tests, (RETURN, 0, 0, otherwise), (RETURN, 0, 0, ALLOW)]


def all_of(numbers: Iterable[int], answer: int) -> list[Instruction]:
    """The answer to each of these calls, whatever its arguments. At most 250 of them."""
    listed = list(numbers)
    last = len(listed) - 1
    tests = [(EQUAL, last - index, 0 if index < last else 1, number) for index, number in enumerate(listed)]
    return [*tests, (RETURN, 0, 0, answer)]


def install(rules: Sequence[Instruction]) -> None:
    """Accept a filter, for good. The number of the call is loaded already where the rules begin. Raises OSError."""
    head = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, _MARKS[platform.machine()]), (RETURN, 0, 0, KILL), NUMBER]
    whole = [*head, *rules]
    program = _Program(len(whole), (_Instruction * len(whole))(*(_Instruction(*rule) for rule in whole)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp was refused")
