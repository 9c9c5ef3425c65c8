"""What a container allows, read from control groups as they look in the field."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from graphdebug.bench.processors import machine, quota, throttled

GROUPS: Mapping[str, tuple[Mapping[str, str], float | None]] = {
    "v2 in a container of its own": (
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"},
        1.5,
    ),
    "v2 without a limit": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
    "v2, the tightest above": (
        {
            "proc/self/cgroup": "0::/kubepods.slice/pod7.slice/cri-1.scope\n",
            "sys/fs/cgroup/kubepods.slice/cpu.max": "800000 100000\n",
            "sys/fs/cgroup/kubepods.slice/pod7.slice/cpu.max": "50000 100000\n",
            "sys/fs/cgroup/kubepods.slice/pod7.slice/cri-1.scope/cpu.max": "max 100000\n",
        },
        0.5,
    ),
    "v1 as Docker mounts it, under the host's path": (
        {
            "proc/self/cgroup": "11:cpu,cpuacct:/docker/0123abcd\n4:cpuset:/docker/0123abcd\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
        2.0,
    ),
    "v1 without a limit": (
        {
            "proc/self/cgroup": "3:cpuset:/\n2:cpuacct:/\n1:cpu:/\n0::/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        None,
    ),
    "the group beside what is mounted": (
        {"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"},
        3.0,
    ),
    "nothing of the kind": ({}, None),
    "nonsense": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "many\n"}, None),
}


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("name", GROUPS)
def test_the_limit_of_a_container(name: str, tmp_path: Path) -> None:
    files, allowed = GROUPS[name]
    assert quota(write(tmp_path, files)) == allowed


@pytest.mark.parametrize(
    ("place", "text", "seconds"),
    [
        ("cpu.max", "100000 100000\n", None),
        ("cpu.stat", "usage_usec 5\nnr_throttled 3\nthrottled_usec 1500000\n", 1.5),
        ("cpu.stat", "nr_periods 7\nnr_throttled 3\nthrottled_time 250000000\n", 0.25),
    ],
)
def test_how_long_it_held_threads_back(place: str, text: str, seconds: float | None, tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", f"sys/fs/cgroup/{place}": text}
    assert throttled(write(tmp_path, files)) == seconds


def test_usable_is_the_least_of_all(tmp_path: Path) -> None:
    found = machine(write(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "25000 100000\n"}))
    assert (found.quota, found.usable) == (0.25, 0.25)
    here = machine()
    assert 0 < here.usable <= here.affinity <= here.processors
