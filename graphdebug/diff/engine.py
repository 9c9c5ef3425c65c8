"""The diff of two models: facts, graph by graph, and stored values."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from graphdebug.diff.constants import Constants, stored_tensors
from graphdebug.diff.facts import model_facts
from graphdebug.diff.graphs import Paths, graph_diff, one_sided
from graphdebug.diff.records import VERSION, DiffRequest, GraphDiff, ModelDiff, WeightDiff
from graphdebug.diff.weights import weight_diff
from graphdebug.diff.words import sentences
from graphdebug.model.document import Model, open_model
from graphdebug.model.records import ModelLocation
from graphdebug.model.refs import MAIN_GRAPH, function_path
from graphdebug.model.shapes import infer_types

DIFF_JOB = "graphdebug.diff.engine:diff_job"
Progress = Callable[[float | None, str], None]


def diff_job(request: DiffRequest, folder: Path, progress: Progress) -> ModelDiff:
    """Compare two model files; a job function.

    Raises:
        NotAModel: one of them is no ONNX model.
        OSError: one cannot be read.
    """
    del folder
    progress(None, "reading both models")
    left, right = (_opened(location) for location in (request.left, request.right))
    return diff(left, right, progress)


def diff(left: Model, right: Model, progress: Progress = lambda share, what: None) -> ModelDiff:
    """Return all that differs between two models. Types that are not declared count as far as they were inferred.

    Names of nodes and of values inside, doc strings and metadata of single nodes, and the order of nodes do not count.
    """
    progress(None, "matching nodes")
    constants = Constants(left, right)
    graphs: list[GraphDiff] = []
    compared: set[Paths] = set()
    functions = [_functions(model) for model in (left, right)]
    waiting: list[Paths] = [(MAIN_GRAPH, MAIN_GRAPH), *((path, path) for path in functions[0] if path in functions[1])]
    while waiting:
        paths = waiting.pop(0)
        differing, below = graph_diff(constants, paths)
        graphs.append(differing)
        compared.add(paths)
        waiting = [*below, *waiting]
    graphs += [one_sided(left, path, True) for path in functions[0] if path not in functions[1]]
    graphs += [one_sided(right, path, False) for path in functions[1] if path not in functions[0]]
    _pair_by_name(constants, compared)
    weights, same = _weights(constants, compared, progress)
    facts = model_facts(left.proto, right.proto)
    alike = not (facts or weights or any(graph.differs for graph in graphs))
    found = ModelDiff(VERSION, left.path.name, right.path.name, alike, (), facts, tuple(graphs), weights, same)
    return replace(found, sentences=tuple(sentences(found)))


def _opened(location: ModelLocation) -> Model:
    model = open_model(location)
    return model.with_types(infer_types(model))


def _functions(model: Model) -> list[str]:
    return list(dict.fromkeys(function_path(each.domain, each.name, each.overload) for each in model.proto.functions))


def _pair_by_name(constants: Constants, compared: set[Paths]) -> None:
    """Pair what is left in graphs that stand for each other and has the same name."""
    left, right = constants.models
    used = [{pair[side] for pair in constants.pairs} for side in (0, 1)]
    for ours, theirs in sorted(compared):
        others = {tensor.key[1:]: tensor for tensor in stored_tensors(right, theirs) if tensor.key not in used[1]}
        for tensor in stored_tensors(left, ours):
            if tensor.key not in used[0] and (mate := others.get(tensor.key[1:])):
                constants.add(tensor, mate)


def _weights(constants: Constants, compared: set[Paths], progress: Progress) -> tuple[tuple[WeightDiff, ...], int]:
    """Compare what was paired; what was not is on one side only."""
    found: list[WeightDiff] = []
    pairs = list(constants.pairs.values())
    for number, (ours, theirs) in enumerate(pairs):
        progress(number / len(pairs), "comparing weights")
        if different := weight_diff(constants.models, (ours.proto, theirs.proto), (ours.stored, theirs.stored)):
            found.append(different)
    same = len(pairs) - len(found)
    for side in (0, 1):
        used = {pair[side] for pair in constants.pairs}
        for path in sorted({paths[side] for paths in compared}):
            left = [each.stored for each in stored_tensors(constants.models[side], path) if each.key not in used]
            found += [WeightDiff(each, None) if side == 0 else WeightDiff(None, each) for each in left]
    return tuple(found), same
