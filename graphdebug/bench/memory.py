"""The memory and the threads of this process, those of engines that it started in processes of their own included."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def resident() -> int | None:
    """Return the bytes that are resident now; None where that cannot be told."""
    return _sum("VmRSS")


def peak() -> int | None:
    """Return the most bytes that were resident since `forget_peak`, each process at its own peak."""
    return _sum("VmHWM")


def forget_peak() -> None:
    """Have `peak` begin anew; where the kernel does not, it stays that of the whole time (proc_pid_clear_refs(5))."""
    for process in _processes():
        with suppress(OSError):
            (process / "clear_refs").write_text("5")


def threads() -> int | None:
    """Return how many threads this process has; None when it has started others, whose threads are anybody's."""
    process = psutil.Process()
    return None if process.children() else process.num_threads()


def _sum(field: str) -> int | None:
    found = [size for process in _processes() if (size := _status(process, field)) is not None]
    return sum(found) if found else None


def _processes() -> Iterator[Path]:
    process = psutil.Process()
    for each in (process, *process.children(recursive=True)):
        yield Path(f"/proc/{each.pid}")


def _status(process: Path, field: str) -> int | None:
    with suppress(OSError, ValueError):
        for line in (process / "status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return None
