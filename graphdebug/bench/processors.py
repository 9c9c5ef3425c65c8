"""How many processors this process may really keep busy: affinity, and the limit of a container (cgroup v1 and v2).

Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max, cpu.stat) and
https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us, cpu.stat).
"""

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import psutil

from graphdebug.bench.records import Machine

_ROOT = Path("/")


def machine(root: Path = _ROOT) -> Machine:
    """Return what there is to run on; ``root`` is where ``/proc`` and ``/sys`` lie."""
    processors = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else processors
    limit = quota(root)
    return Machine(
        processor=_processor(root),
        processors=processors,
        cores=psutil.cpu_count(logical=False),
        affinity=affinity,
        quota=limit,
        usable=min(processors, affinity, limit or processors),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def quota(root: Path = _ROOT) -> float | None:
    """Return how many processors the control groups of this process allow; None: they set no limit.

    The group that is nearest to the top may be the tightest one, so all of them count.
    """
    return min((limit for folder in _folders(root) if (limit := _limit(folder)) is not None), default=None)


def throttled(root: Path = _ROOT) -> float | None:
    """Return for how many seconds that limit has held back threads of the group so far; None: nothing tells."""
    for folder in _folders(root):
        with suppress(OSError, ValueError):
            told = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
            if "throttled_usec" in told:
                return int(told["throttled_usec"]) / 1e6
            if "throttled_time" in told:
                return int(told["throttled_time"]) / 1e9
    return None


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders of our control groups, ours first, then those above it.

    Inside a container the path may be the host's, of which only the top is mounted: what is not there is passed over.
    """
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            place = root / "sys/fs/cgroup"
            mounts = [place / name for name in (controllers, "cpu")] if controllers else [place]
            mount = next((each for each in mounts if each.is_dir()), place)
            path = PurePosixPath(group.lstrip("/"))
            if ".." in path.parts:  # its group lies beside what is mounted
                path = PurePosixPath()
            for part in (path, *path.parents):
                if (folder := mount / part).is_dir():
                    yield folder


def _limit(folder: Path) -> float | None:
    with suppress(OSError, ValueError):
        most, period = (folder / "cpu.max").read_text().split()
        return None if most == "max" else int(most) / int(period)
    with suppress(OSError, ValueError):
        most, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(most) / int(period) if int(most) > 0 else None
    return None


def _processor(root: Path) -> str:
    with suppress(OSError):
        for line in (root / "proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
