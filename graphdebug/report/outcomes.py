"""What a run, a comparison or a measurement says of nodes, as data by which the graph can be coloured."""

import math
from collections.abc import Iterable, Mapping

from graphdebug.compare.records import Row, Status
from graphdebug.compare.verdict import is_one_sided
from graphdebug.model.index import GraphIndex
from graphdebug.report.colors import NOT_COMPARED, STEPS, excess, worst_by_node
from graphdebug.runtime.latency_records import LatencyResult
from graphdebug.runtime.requests import TensorRow
from graphdebug.runtime.tensorrt_words import Support
from graphdebug.view.coloring import NONFINITE
from graphdebug.view.node_data import Apart, NodeData

_LIMITS = tuple((step.limit, step.color) for step in STEPS)


def error_of(rows: Iterable[Row]) -> NodeData:
    """Return the accumulated error of what each node makes, in units of its tolerance: the worst of its tensors."""
    worst = worst_by_node(rows)
    errors = {node: error for node, row in worst.items() if (error := _error(row)) is not None}
    return NodeData("Error in units of the tolerance", errors, "×", limits=_LIMITS, apart=_without_error(worst))


def added_error_of(rows: Iterable[Row], index: GraphIndex) -> NodeData:
    """Return by how much the relative error of what each node makes exceeds the largest among what it takes.

    Relative errors are RMS errors over the RMS of the reference: unlike largest errors they hardly change on their way
    through sound nodes. Where an input was not compared, what is known of the inputs of its producer stands for it. An
    estimate: a node that magnifies the errors it is given seems to add them. What a node adds by itself is known only
    from running it on the reference's inputs.
    """
    rows = list(rows)
    errors = {row.name: error for row in rows if (error := _relative_error(row)) is not None}
    arriving: dict[str, float] = {}
    added: dict[int, float] = {}
    for node in index.order:
        proto = index.nodes[node]
        taken = max((arriving.get(name, 0.0) for name in proto.input if name), default=0.0)
        made = [errors[name] for name in proto.output if name in errors]
        if made:
            added[node] = max(0.0, max(made) - taken)
        arriving |= {name: errors.get(name, taken) for name in proto.output if name}
    apart = _without_error({node: row for node, row in worst_by_node(rows).items() if node not in added})
    return NodeData("Relative RMS error added (estimated)", dict(added), apart=apart)


def status_of(rows: Iterable[Row]) -> NodeData:
    """Return whether what each node makes matches: the worst of its tensors."""
    order = (Status.MATCH, Status.NOT_COMPARED, Status.DIFFER)
    worst: dict[int, Status] = {}
    for row in rows:
        if row.node is not None:
            worst[row.node] = max(worst.get(row.node, Status.MATCH), row.status, key=order.index)
    return NodeData("Match or differ", {node: str(status) for node, status in worst.items()})


def support_of(found: Support) -> NodeData:
    """Return which nodes TensorRT takes, as it says before building; nodes that it did not look at have no value."""
    values = {node: "taken" if part.supported else "not taken" for part in found.subgraphs for node in part.nodes}
    return NodeData(f"TensorRT {found.version}", values)


def finiteness_of(rows: Iterable[TensorRow]) -> NodeData:
    """Return which nodes made NaN or infinity in a run; nodes that were not recorded have no value."""
    found: dict[int, bool] = {}
    for row in rows:
        if row.node is not None and row.statistics is not None:
            found[row.node] = found.get(row.node, False) or row.statistics.nans + row.statistics.infs > 0
    values = {node: "NaN or infinity" if bad else "finite" for node, bad in found.items()}
    return NodeData("NaN and infinity", values)


def magnitude_of(rows: Iterable[TensorRow]) -> NodeData:
    """Return the largest magnitude that each node made in a run, over its finite elements."""
    values: dict[int, float] = {}
    for row in rows:
        numbers = row.statistics
        if row.node is not None and numbers is not None and numbers.minimum is not None and numbers.maximum is not None:
            largest = max(abs(numbers.minimum), abs(numbers.maximum))
            values[row.node] = max(values.get(row.node, 0.0), largest)
    return NodeData("Largest magnitude", dict(values))


def latency_of(result: LatencyResult, path: str, index: GraphIndex) -> NodeData:
    """Return the seconds that each node of the graph at ``path`` took in one run."""
    values = {node: time.seconds for node, time in result.graphs.get(path, {}).items()}
    return NodeData(f"Latency, {result.how}", dict(values), "s", sums=True, apart=_without_time(result, path, index))


def provider_of(result: LatencyResult, path: str, index: GraphIndex) -> NodeData:
    """Return which execution provider ran each node of the graph at ``path``."""
    values = {node: time.provider for node, time in result.graphs.get(path, {}).items()}
    return NodeData(f"Execution provider, {result.how}", dict(values), apart=_without_time(result, path, index))


def provider_in(
    providers: Mapping[str, Mapping[int, str]], environment: Mapping[str, str], index: GraphIndex
) -> NodeData:
    """Return which execution provider has each node of a graph, in a run or on a side of a comparison."""
    values = providers.get(index.path, {})
    work = frozenset(position for position, node in enumerate(index.nodes) if node.op_type != "Constant")
    why = "folded away, or not told of" if providers else "not told: by ONNX Runtime of this model only"
    title = f"Execution provider, {environment.get('backend', environment['spec'])}"
    return NodeData(title, dict(values), apart=(Apart(why, work.difference(values)),))


def _without_time(result: LatencyResult, path: str, index: GraphIndex) -> tuple[Apart, ...]:
    """Return the nodes that were not run on their own. Constants are no work: they are not counted."""
    timed = result.graphs.get(path, {})
    work = frozenset(position for position, node in enumerate(index.nodes) if node.op_type != "Constant")
    shared = frozenset(node for time in timed.values() for node in time.shared).intersection(work).difference(timed)
    silent = Apart("fused away, folded or not run", work.difference(timed, shared))
    return (Apart("in another node's time", shared), silent) if shared else (silent,)


def _error(row: Row) -> float | None:
    """Return a row's error in units of its tolerance; 0 for strings that are equal, None where there is none."""
    return 0.0 if row.status is Status.MATCH and row.metrics is None else excess(row)


def _relative_error(row: Row) -> float | None:
    """Return a row's RMS error over the RMS of the reference; None where that does not exist."""
    if row.metrics is None:
        return 0.0 if row.status is Status.MATCH else None
    if row.metrics.rmse == 0:
        return 0.0
    found = row.metrics.rmse / row.metrics.reference_rms if row.metrics.reference_rms else math.inf
    return found if math.isfinite(found) else None


def _without_error(worst: Mapping[int, Row]) -> tuple[Apart, ...]:
    """Return the nodes whose worst tensor was not compared, and among them those with NaN on one side only."""
    silent = {node: row for node, row in worst.items() if _error(row) is None}
    one_sided = frozenset(node for node, row in silent.items() if is_one_sided(row))
    others = frozenset(node for node, row in silent.items() if row.status is Status.NOT_COMPARED) - one_sided
    differing = frozenset(silent) - one_sided - others
    return (
        Apart("differ without a distance", differing, STEPS[-1].color, heavy=True),
        Apart("NaN or infinity on one side", one_sided, NONFINITE, heavy=True),
        Apart("not compared", others, NOT_COMPARED.color),
    )
