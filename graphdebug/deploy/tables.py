"""What is known of targets, from JSON files beside this one that name their sources.

``tables/onnxruntime_cpu.json`` is what released wheels say of themselves; the other two are facts from published lists.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphdebug.deploy.targets import Release

_TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of ONNX Runtime's CPU provider.

    It takes operators last changed in operator set ``first``, or in one up to ``last`` (None: of the newest known then,
    so only ``first``). ``types``: type parameter, or input → element types.
    """

    first: int
    last: int | None
    types: Mapping[str, frozenset[str]]

    def takes(self, since: int) -> bool:
        """Say whether it is for an operator last changed in operator set ``since``.

        Source: ``KernelRegistry::VerifyKernelDef`` of ONNX Runtime.
        """
        return self.first == since or (self.last is not None and self.first <= since <= self.last)


@dataclass(frozen=True, slots=True)
class Limits:
    """The newest operator sets (ONNX's, ``ai.onnx.ml``) and IR version that a release of ONNX Runtime loads."""

    release: str
    opset: int
    ml: int
    ir: int


@lru_cache
def cpu_limits(release: Release) -> Limits:
    """Return the limits of a release of ONNX Runtime; of one that was not asked, those of the last one before it."""
    known = {Release.of(name): (name, facts) for name, facts in _read("onnxruntime_cpu")["releases"].items()}
    name, facts = known[max(each for each in known if each <= release.minor)]
    return Limits(name, facts["opset"], facts["ml"], facts["ir"])


@lru_cache(8)
def cpu_kernels(release: Release) -> Mapping[tuple[str, str], tuple[Kernel, ...]]:
    """Return the kernels of a release's CPU provider by (domain, operator)."""
    table = _read("onnxruntime_cpu")
    number = int(cpu_limits(release).release.partition(".")[2])
    types = [frozenset(text.split()) for text in table["types"]]
    found = {}
    for domain, ops in table["domains"].items():
        for op, rows in ops.items():
            kernels = [
                Kernel(first, last, {name: types[at] for name, at in named.items()})
                for first, last, begins, ends, named in rows
                if begins <= number and (ends is None or number <= ends)
            ]
            if kernels:
                found[domain, op] = tuple(kernels)
    return found


def cpu_source(release: Release) -> str:
    """Say where the CPU provider's kernels are known from."""
    facts = _read("onnxruntime_cpu")
    asked = facts["releases"][cpu_limits(release).release]["asked"]
    return f"CPU kernels: what the wheel of ONNX Runtime {asked} says of itself"


def cuda() -> Mapping[str, Any]:
    """Return ``release``, ``source``, ``ops`` (operator → [first, last, types]) and ``contrib`` (names)."""
    return _read("onnxruntime_cuda")


@dataclass(frozen=True, slots=True)
class Support:
    """What is known of an operator in a release of TensorRT. ``known`` False: nobody says.

    ``types``: element types it takes (empty: nobody says). ``release``: of the list that says so.
    """

    known: bool
    supported: bool = False
    types: frozenset[str] = frozenset()
    release: str = ""


def tensorrt_support(op: str, release: Release) -> Support:
    """Return what TensorRT's lists say of an operator.

    Operators come and do not go: what an older list has, a newer release has, and what a newer list lacks, an older
    release lacks. In between nobody says, unless the release that brought it is known.
    """
    table = _read("tensorrt")
    since = table["since"].get(op)
    if since and release < Release.of(since):
        return Support(True, False, release=since)
    lists = [(Release.of(each["release"]), each) for each in table["tables"]]
    before = [each for when, each in lists if when <= release]
    after = [each for when, each in lists if when >= release]
    for each in reversed(before):
        if types := each["ops"].get(op):
            # When types came between two lists nobody says: those of both are let pass.
            later = after[0]["ops"].get(op) if after else None
            return Support(True, True, frozenset([*types, *(later or ())]), each["release"])
    if since:
        return Support(True, True, release=since)
    for each in after:
        if op in each["ops"] and each["ops"][op] is None:
            return Support(True, False, release=each["release"])
    newest = lists[-1][1]
    if not after and op in newest["ops"]:
        return Support(False, release=newest["release"])
    return Support(False)


def tensorrt_constants(op: str, release: Release) -> tuple[int, ...]:
    """Return the inputs of an operator that must be constants when an engine is built.

    Between two lists: those that both name.
    """
    lists = [(Release.of(each["release"]), each["constants"]) for each in _read("tensorrt")["tables"]]
    near = [
        [each for when, each in lists if when <= release][-1],
        *[each for when, each in lists if when >= release][:1],
    ]
    return tuple(sorted(set.intersection(*(set(each.get(op, ())) for each in near))))


def tensorrt_opsets(release: Release) -> tuple[int, int, int]:
    """Return the oldest operator set, the newest that is sure, and the newest that can be (of a later release)."""
    table = _read("tensorrt")["opset"]
    steps = [(Release.of(text), opset) for text, opset in table["newest"]]
    sure = max(opset for when, opset in steps if when <= release)
    exact = any(when.minor == release.minor for when, _ in steps) or release.numbers[0] in (8, 11)
    later = [opset for when, opset in steps if when > release]
    return table["oldest"], sure, sure if exact or not later else later[0]


def tensorrt_source(release: Release) -> str:
    """Say where TensorRT's operators are known from."""
    lists = ", ".join(each["release"] for each in _read("tensorrt")["tables"])
    return f"operators: the lists of ONNX-TensorRT for {lists}; what changed between them is known in part only"


@lru_cache
def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_TABLES / f"{name}.json").read_text(encoding="utf-8"))
    return found
