"""Freed memory goes back to the system: engines free gigabytes that the C library would keep for later."""

import ctypes
import sys


def give_back() -> None:
    """Return freed memory to the system, where the C library is glibc (``malloc_trim``); elsewhere do nothing.

    It takes some milliseconds for a gigabyte.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
        if trim is not None:
            trim(ctypes.c_size_t(0))
