"""Rules about TensorRT: operators, plugins, element types, constants, and what attributes its lists exclude.

Sources: the lists of ONNX-TensorRT (tables/tensorrt.json) and NVIDIA's documentation of TensorRT (at most 8 dimensions;
strongly typed networks only since 11).
"""

from collections.abc import Iterator

import numpy as np

from graphdebug.deploy.records import DeployFinding
from graphdebug.deploy.subject import At, Subject, in_words, remedy
from graphdebug.deploy.tables import tensorrt_constants, tensorrt_support
from graphdebug.deploy.targets import Release
from graphdebug.edit.constant_folding import FoldConstants
from graphdebug.edit.inlining import InlineFunction
from graphdebug.edit.precision import ConvertFloat
from graphdebug.model.external import ExternalDataError
from graphdebug.model.records import Severity
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.tensors import TensorError, read_tensor

_TEN, _ELEVEN = Release((10,)), Release((11,))
_OLD_TYPES = frozenset(["float", "float16", "double", "int8", "int32", "int64", "uint8", "bool"])
_NEW_TYPES = _OLD_TYPES | {"bfloat16", "float8e4m3fn", "float4e2m1", "int4"}
_NARROWED = {"int64": "int32", "double": "float"}
_MOST_DIMS = 8
_HALVES = {"fp16": "float16", "bf16": "bfloat16"}
_MOST_READ = 1 << 20
"""Elements of an int64 tensor that are looked at."""
_QUANTISING = ("QuantizeLinear", "DequantizeLinear")
_MODES = ("half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners")


def tensorrt_rules(subject: Subject) -> Iterator[DeployFinding]:
    """Report what TensorRT does not take, or takes as something else."""
    yield from _precision(subject)
    yield from _narrowed(subject)
    for at in subject.nodes():
        if at.is_call:
            yield from _call(subject, at)
        elif at.domain:
            sentence = f"{at.op} is no operator of ONNX: TensorRT needs a plugin called {in_words(at.node.op_type)}."
            yield at.found(Severity.ERROR, "plugin-needed", sentence)
        else:
            operator = _operator(subject, at)
            yield from operator
            if not any(each.severity is Severity.ERROR for each in operator):
                yield from _types(subject, at)
                yield from _constant_inputs(subject, at)
                yield from _particulars(subject, at)


def _call(subject: Subject, at: At) -> Iterator[DeployFinding]:
    if subject.target.release >= _TEN:
        return
    target = at.target()
    sentence = f"{at.op} is a function of the model; that {subject.target.title} reads these is not known."
    yield at.found(
        Severity.WARNING, "function-call", sentence, remedy(InlineFunction(node=target)) if target is not None else None
    )


def _operator(subject: Subject, at: At) -> list[DeployFinding]:
    support = tensorrt_support(at.node.op_type, subject.target.release)
    if support.known and support.supported:
        return []
    if support.known:
        sentence = f"{subject.target.title} does not support {at.op} (nor does {support.release})."
        if subject.target.release < Release.of(support.release):
            sentence = f"{subject.target.title} does not support {at.op}: the list of {support.release} lacks it, too."
        if support.release and tensorrt_support(at.node.op_type, Release.of(support.release)).supported:
            sentence = f"{at.op} is supported from TensorRT {support.release} on; this is {subject.target.release}."
        return [at.found(Severity.ERROR, "operator-unsupported", sentence)]
    sentence = f"Whether {subject.target.title} supports {at.op} is not known here."
    if support.release:
        sentence = f"TensorRT {support.release} did not support {at.op}; of {subject.target.release} it is not known."
    return [at.found(Severity.WARNING, "operator-not-known", sentence)]


def _types(subject: Subject, at: At) -> Iterator[DeployFinding]:
    """Report element types that the release, or the operator, does not take; one finding a node at most."""
    title, release, types = subject.target.title, subject.target.release, subject.types(at.index.path)
    allowed = _OLD_TYPES if release < _TEN else _NEW_TYPES
    for name in (*at.node.input, *at.node.output):
        kind = types.get(name) if name else None
        if kind is None:
            continue
        if kind.kind not in ("tensor", "unknown"):
            sentence = f"TensorRT has no values of kind {kind.kind.replace('_', ' ')}."
            yield at.found(Severity.ERROR, "type-unsupported", sentence, tensor=name)
            return
        if kind.dtype and kind.dtype not in allowed:
            sentence = f"{title} has no element type {kind.dtype}."
            yield at.found(Severity.ERROR, "type-unsupported", sentence, tensor=name)
            return
        if kind.shape is not None and len(kind.shape) > _MOST_DIMS:
            sentence = f"A tensor of {len(kind.shape)} dimensions: TensorRT takes {_MOST_DIMS} at most."
            yield at.found(Severity.ERROR, "too-many-dims", sentence, tensor=name)
            return
    listed = tensorrt_support(at.node.op_type, release).types
    first = types.get(next((name for name in (*at.node.input, *at.node.output) if name), ""))
    if first is None or not first.dtype or not listed:
        return
    taken = _NARROWED.get(first.dtype, first.dtype) if release < _TEN or first.dtype == "double" else first.dtype
    if taken not in listed and first.dtype not in listed:
        said = f"TensorRT lists {', '.join(sorted(listed))} for {at.op}: whether it takes {first.dtype} is open."
        yield at.found(Severity.WARNING, "type-not-listed", said)


def _narrowed(subject: Subject) -> Iterator[DeployFinding]:
    """Report stored int64 (before 10) and double: both are narrowed, what does not fit is clamped."""
    release = subject.target.release
    narrowed = {"double": 0, "int64": 0}
    for path, index in subject.model.graphs.items():
        for name, tensor in index.initializers.items():
            kind = subject.types(path).get(name)
            dtype = kind.dtype if kind else ""
            if dtype == "int64" and release < _TEN:
                narrowed["int64"] += 1
                if _beyond_int32(subject, tensor):
                    sentence = f"{in_words(name)} holds integers beyond 32 bits: {subject.target.title} clamps them."
                    yield DeployFinding(Severity.WARNING, "int64-clamped", sentence, path, tensor=name)
            elif dtype == "double":
                narrowed["double"] += 1
    for dtype, count in narrowed.items():
        if count:
            several = f"{count:,} stored {dtype} tensor{'s are' if count > 1 else ' is'}"
            severity = Severity.WARNING if dtype == "double" else Severity.INFO
            sentence = f"{several} narrowed to {_NARROWED[dtype]} by {subject.target.title}."
            yield DeployFinding(severity, f"{dtype}-narrowed", sentence)


def _beyond_int32(subject: Subject, tensor: object) -> bool:
    try:
        values = read_tensor(subject.model, tensor)  # type: ignore[arg-type]
        limits = np.iinfo(np.int32)
        few = values.ravel()[:_MOST_READ]
        return bool(few.size and (few.min() < limits.min or few.max() > limits.max))
    except (TensorError, ExternalDataError, OSError):
        return False


def _precision(subject: Subject) -> Iterator[DeployFinding]:
    """Report precisions that the release lacks, and since 11 those that the model does not state itself."""
    target = subject.target
    if target.precision in ("bf16", "fp8") and target.release < _TEN:
        sentence = f"{target.precision} is not known to work before TensorRT 10."
        yield DeployFinding(Severity.WARNING, "precision-unsupported", sentence)
    if target.release < _ELEVEN or target.precision in ("", "fp32"):
        return
    kinds = {kind.dtype for path in subject.model.graphs for kind in subject.types(path).values()}
    ops = {at.node.op_type for at in subject.nodes()}
    half = _HALVES.get(target.precision)
    if half is not None and half not in kinds:
        sentence = (
            f"From 11 on TensorRT is strongly typed: asked for {target.precision}, it builds this model in float32. "
            "The precision must be in the file."
        )
        yield DeployFinding(
            Severity.WARNING,
            "precision-not-in-file",
            sentence,
            remedy=remedy(ConvertFloat(to=half)),  # type: ignore[arg-type]
        )
    elif half is None and not ops.intersection(_QUANTISING):
        sentence = (
            f"From 11 on TensorRT is strongly typed: for {target.precision} the file must hold QuantizeLinear and "
            "DequantizeLinear, and this one holds none."
        )
        yield DeployFinding(Severity.WARNING, "precision-not-in-file", sentence)


def _constant_inputs(subject: Subject, at: At) -> Iterator[DeployFinding]:
    index = at.index
    for slot in tensorrt_constants(at.node.op_type, subject.target.release):
        name = at.node.input[slot] if slot < len(at.node.input) else ""
        if not name or name in index.initializers:
            continue
        if name in index.producer and index.nodes[index.producer[name]].op_type == "Constant":
            continue
        if name in subject.constants(index.path):
            sentence = f"TensorRT wants input {slot} of {at.op} stored in the file; here nodes work it out."
            yield at.found(Severity.WARNING, "input-not-constant", sentence, remedy(FoldConstants()), name)
        else:
            sentence = f"TensorRT wants input {slot} of {at.op} to be a constant; here it depends on what is fed."
            yield at.found(Severity.WARNING, "input-not-constant", sentence, None, name)


def _particulars(subject: Subject, at: At) -> Iterator[DeployFinding]:
    """Report uses of an operator that TensorRT's lists exclude."""
    node, said = at.node, ""
    numbers = {each.name: each.i for each in node.attribute}
    words = {each.name: each.s.decode(errors="replace") for each in node.attribute}
    if node.op_type == "MaxPool" and len(node.output) > 1 and node.output[1]:
        said = "TensorRT's MaxPool does not give Indices."
    elif node.op_type == "LayerNormalization" and any(node.output[1:]):
        said = "TensorRT's LayerNormalization gives its first output only."
    elif node.op_type == "Resize" and words.get("coordinate_transformation_mode", _MODES[0]) not in _MODES:
        said = f"TensorRT's Resize does not list the mode {in_words(words['coordinate_transformation_mode'])}."
    elif node.op_type == "Resize" and (numbers.get("antialias") or words.get("mode") == "cubic"):
        said = "TensorRT lists nearest and linear for Resize, without antialiasing."
    elif node.op_type == "LSTM" and (numbers.get("layout") or numbers.get("input_forget")):
        said = "TensorRT's LSTM wants layout 0 and input_forget 0."
    elif node.op_type == "TopK" and "sorted" in numbers and not numbers["sorted"]:
        said = "TensorRT's TopK wants sorted to be 1."
    elif node.op_type in _QUANTISING and len(node.input) > 2 and _has_zero_point(subject, at, node.input[2]):
        said = f"TensorRT's {node.op_type} wants a zero point of 0 (of int8, not uint8)."
    if said:
        yield at.found(Severity.ERROR, "use-unsupported", said)
    if node.op_type in ("If", "Loop", "Scan"):
        sentence = {
            "If": "TensorRT wants both branches of an If to give tensors of the same rank.",
            "Loop": "TensorRT wants what a Loop carries to keep its shape, and a length of scan outputs that is known.",
            "Scan": "TensorRT runs a Scan as a loop: slower than what has been unrolled.",
        }[node.op_type]
        yield at.found(Severity.INFO, "control-flow", sentence)


def _has_zero_point(subject: Subject, at: At, name: str) -> bool:
    tensor = at.index.initializers.get(name)
    kind = subject.types(at.index.path).get(name)
    if kind is not None and kind.dtype == "uint8":
        return True
    if tensor is None or at.index.path != MAIN_GRAPH:
        return False
    try:
        return bool(np.any(np.asarray(read_tensor(subject.model, tensor)).astype(np.float32)))
    except (TensorError, ExternalDataError, OSError):
        return False
