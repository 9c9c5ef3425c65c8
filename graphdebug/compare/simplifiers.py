"""What each tool that simplifies makes of a model, beside each other: nodes, time, and whether it computes the same."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import get_args, get_type_hints

from graphdebug.compare.engine import compare_job
from graphdebug.compare.records import CompareRequest, Side, Verdict
from graphdebug.compare.sides import CompareError
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import edited
from graphdebug.edit.simplifying import Simplify
from graphdebug.model.document import Model, open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feed_errors import FeedError
from graphdebug.runtime.requests import FeedSpec

SIMPLIFIERS_JOB = "graphdebug.compare.simplifiers:simplifiers_job"
TOOLS: tuple[str, ...] = get_args(get_type_hints(Simplify)["tool"])


@dataclass(frozen=True, slots=True)
class SimplifiersRequest:
    """Simplify a model by every tool. ``largest``: see `Simplify`. It is run by ``spec`` on ``feeds``."""

    model: ModelLocation
    largest: int
    feeds: FeedSpec
    spec: str = "onnxruntime"


@dataclass(frozen=True, slots=True)
class Simplified:
    """What one tool made: nodes of the main graph, how many of an operator went (negative: came), seconds it took.

    ``verdict`` compares the outputs with those of the model as it was; None when it was not run: ``error`` says why.
    """

    tool: str
    version: str
    nodes: int = 0
    gone: tuple[tuple[str, int], ...] = ()
    seconds: float = 0.0
    verdict: Verdict | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class SimplifiersResult:
    """What all tools made of a model of so many ``nodes``."""

    nodes: int
    tools: tuple[Simplified, ...]


def simplifiers_job(request: SimplifiersRequest, folder: Path, progress: Progress) -> SimplifiersResult:
    """Simplify a model by every tool and run what they make; a job function.

    Raises:
        NotAModel: the file is no ONNX model.
        OSError: a file cannot be read or written.
    """
    progress(None, "reading the structure")
    opened = open_model(request.model)
    made = []
    for number, tool in enumerate(TOOLS):
        progress(number / len(TOOLS), f"simplifying by {tool}")
        place = folder / tool
        (place / "values").mkdir(parents=True)
        made.append(_simplified(opened, tool, request, place, progress))
    return SimplifiersResult(len(opened.proto.graph.node), tuple(made))


def _simplified(opened: Model, tool: str, request: SimplifiersRequest, folder: Path, progress: Progress) -> Simplified:
    try:
        number = version(tool)
    except PackageNotFoundError:
        return Simplified(tool, "", error=f"It is not installed: pip install {tool}.")
    model = replace(opened, values=opened.values or folder / "values")
    began = time.perf_counter()
    try:
        after = edited(model, Simplify(tool=tool, largest=request.largest)).model  # type: ignore[arg-type]
    except EditError as error:
        return Simplified(tool, number, error=str(error))
    seconds = time.perf_counter() - began
    ops = [Counter(node.op_type for node in each.proto.graph.node) for each in (opened, after)]
    gone = Counter({op: ops[0][op] - ops[1][op] for op in {*ops[0], *ops[1]} if ops[0][op] != ops[1][op]})
    skeleton = folder / "skeleton.onnx"
    skeleton.write_bytes(after.proto.SerializeToString())
    there = ModelLocation(request.model.path, str(skeleton), str(model.values))
    outputs = tuple(value.name for value in opened.proto.graph.output)
    sides = Side(request.spec, request.model), Side(request.spec, there)
    found = Simplified(tool, number, ops[1].total(), tuple(gone.most_common()), seconds)
    try:
        compared = compare_job(CompareRequest(*sides, feeds=request.feeds, tensors=outputs), folder, progress)
    except (BackendError, CompareError, FeedError) as error:
        return replace(found, error=str(error))
    return replace(found, verdict=compared.verdict)
