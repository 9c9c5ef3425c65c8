"""Who runs a job or takes an upload in: a server, told from a later one with the same process id."""

import os
from functools import cache

import psutil


@cache
def _owner_of(pid: int) -> str:
    # The start time tells this process from a later one that was given the same pid.
    return f"{pid}-{int(psutil.Process(pid).create_time())}"


def owner() -> str:
    """Return what this process is called as the owner of jobs and uploads."""
    return _owner_of(os.getpid())


def alive(owner: str) -> bool:
    """Say whether the process that was called ``owner`` still runs."""
    pid, _, started = owner.partition("-")
    try:
        # Two seconds apart: the kernel's idea of when it booted, and so of any start time, moves a little.
        return abs(psutil.Process(int(pid)).create_time() - int(started)) < 2
    except (psutil.Error, ValueError):
        return False
