"""Rules about shapes that are not fixed: what an optimization profile of TensorRT must bound, what only a run tells."""

from collections.abc import Iterator

from graphdebug.deploy.records import DeployFinding
from graphdebug.deploy.subject import Subject, in_words
from graphdebug.model.records import Dim, Severity
from graphdebug.model.refs import MAIN_GRAPH

_DATA_DEPENDENT = ("NonZero", "NonMaxSuppression", "Unique", "Compress", "StringSplit")
"""The shape of what they give depends on the values they get (ONNX's specification of each)."""


def shape_rules(subject: Subject) -> Iterator[DeployFinding]:
    """Report inputs whose lengths TensorRT must be told, and nodes whose output has a length that values decide."""
    index, types = subject.model.graphs[MAIN_GRAPH], subject.types(MAIN_GRAPH)
    for name in index.inputs:
        kind = types.get(name)
        if kind is None or kind.kind != "tensor":
            continue
        if kind.shape is None:
            sentence = f"Input {in_words(name)} has no rank: TensorRT must know how many dimensions it has."
            yield DeployFinding(Severity.ERROR, "rank-not-known", sentence, tensor=name)
        elif open_dims := [_called(dim, axis) for axis, dim in enumerate(kind.shape) if not isinstance(dim, int)]:
            like = "x".join(str(dim) if isinstance(dim, int) else "1" for dim in kind.shape)
            sentence = (
                f"Input {in_words(name)} has open dimensions ({', '.join(open_dims)}): an optimization profile must "
                f"say its least, usual and largest shape, such as --minShapes={in_words(name)}:{like} for trtexec."
            )
            yield DeployFinding(Severity.WARNING, "profile-needed", sentence, tensor=name)
    for at in subject.nodes():
        if at.node.op_type in _DATA_DEPENDENT and not at.domain and not at.is_call:
            sentence = f"How much {at.op} gives depends on values: the caller must allocate its output while it runs."
            yield at.found(Severity.INFO, "data-dependent-shape", sentence)


def _called(dim: Dim, axis: int) -> str:
    return in_words(dim) if isinstance(dim, str) else f"axis {axis}"
