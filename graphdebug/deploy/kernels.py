"""Rules about ONNX Runtime: whether it has a kernel for each node, for the types that the node works with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphdebug.deploy.records import DeployFinding
from graphdebug.deploy.subject import At, Subject, has_body, in_words, schema_of
from graphdebug.deploy.tables import Kernel, cpu_kernels, cpu_limits, cuda, tensorrt_support
from graphdebug.deploy.targets import Release
from graphdebug.model.records import Severity, ValueType

_CONTRIB = "com.microsoft"
_DOMAINS = ("", "ai.onnx.ml", _CONTRIB)
"""Whose operators ONNX Runtime knows."""
_MAIN_TYPES = ("T", "T1", "V")
"""Type parameters: the first that an operator has says what it computes with."""
_NEWEST_LIST = Release((10, 15))
"""Of TensorRT's lists: which TensorRT an ONNX Runtime finds beside itself, a SPEC does not say."""


def kernel_rules(subject: Subject) -> Iterator[DeployFinding]:
    """Report nodes without a kernel, and those that another provider or another precision runs."""
    target = subject.target
    if target.provider == "openvino":
        sentence = "Which operators the OpenVINO provider takes is not known here: what it leaves, the CPU runs."
        yield DeployFinding(Severity.INFO, "provider-not-known", sentence)
    kernels = cpu_kernels(target.release)
    newest = cpu_limits(target.release).opset
    for at in subject.nodes():
        if at.is_call or at.opset is None:
            continue
        types = subject.types(at.index.path)
        found = _on_cpu(at, types, kernels, newest)
        if target.provider == "cuda":
            found = _on_cuda(at, types, found, target.release)
        elif target.provider == "tensorrt":
            found = found or _on_tensorrt(at)
        if found is not None:
            yield found


def _on_cpu(
    at: At, types: Mapping[str, ValueType], kernels: Mapping[tuple[str, str], Sequence[Kernel]], newest: int
) -> DeployFinding | None:
    """Say what stands in the way of a node on the CPU provider; None: nothing."""
    op, known = at.node.op_type, kernels.get((at.domain, at.node.op_type), ())
    assert at.opset is not None
    schema = schema_of(op, at.domain, min(at.opset, newest) if not at.domain else at.opset)
    if at.domain not in _DOMAINS:
        schema = None
    if schema is None:
        if known:
            return None  # ONNX does not describe it (com.microsoft): the types it takes are not looked at
        if at.domain in _DOMAINS:
            sentence = f"ONNX Runtime's CPU provider knows no operator {at.op} in operator set {at.opset}."
            return at.found(Severity.ERROR, "operator-unsupported", sentence)
        sentence = f"{at.op} is no operator of ONNX or ONNX Runtime: it needs a library of custom operators."
        return at.found(Severity.ERROR, "custom-operator", sentence)
    if schema.deprecated:
        sentence = f"{at.op} is deprecated in operator set {at.opset}: engines have no kernel for it there."
        return at.found(Severity.ERROR, "operator-unsupported", sentence)
    fitting = [kernel for kernel in known if kernel.takes(schema.since_version)]
    if not fitting:
        if has_body(schema) or op == "Constant":
            return None
        sentence = f"ONNX Runtime's CPU provider has no kernel for {at.op} of operator set {schema.since_version}."
        return at.found(Severity.ERROR, "operator-unsupported", sentence)
    if op in ("RNN", "GRU", "LSTM") and any(each.name == "layout" and each.i for each in at.node.attribute):
        sentence = f"ONNX Runtime's CPU provider runs a {op} with layout 0 only: this one has 1."
        return at.found(Severity.ERROR, "attribute-unsupported", sentence)
    bound = _bound(at, schema, types)
    if any(_fits(kernel, bound) for kernel in fitting) or has_body(schema):
        return None
    as_float = {name: "float" if kind == "float16" else kind for name, kind in bound.items()}
    said = ", ".join(sorted({kind for kind in bound.values() if kind}))
    if as_float != bound and any(_fits(kernel, as_float) for kernel in fitting):
        sentence = f"The CPU provider computes this {at.op} in float32, with casts around it: it has no float16 kernel."
        return at.found(Severity.INFO, "float16-in-float32", sentence)
    sentence = f"ONNX Runtime's CPU provider has no kernel for {at.op} of these element types: {in_words(said)}."
    return at.found(Severity.ERROR, "type-unsupported", sentence)


def _on_cuda(
    at: At, types: Mapping[str, ValueType], on_cpu: DeployFinding | None, release: Release
) -> DeployFinding | None:
    """Say what stands in the way on the CUDA provider, where the CPU provider runs what it does not take."""
    table = cuda()
    listed = Release.of(table["release"])
    if at.domain == _CONTRIB and at.node.op_type in table["contrib"]:
        return None
    if at.node.op_type == "Constant":
        return None
    facts = None if at.domain else table["ops"].get(at.node.op_type)
    assert at.opset is not None
    schema = schema_of(at.node.op_type, at.domain, at.opset)
    if facts and schema is not None and facts[0] <= schema.since_version <= facts[1]:
        bound = _bound(at, schema, types)
        kind = next((bound[name] for name in _MAIN_TYPES if name in bound), "")
        if not kind or kind in facts[2] or kind.startswith("seq"):
            return None
        why = f"{table['release']} had no CUDA kernel for {at.op} of {in_words(kind)}"
    else:
        why = f"{table['release']} had no CUDA kernel for {at.op} of this operator set that we know of"
    if on_cpu is not None and on_cpu.severity is Severity.ERROR:
        if release.minor == listed:
            return on_cpu
        sentence = f"Whether ONNX Runtime {release} has a CUDA kernel for {at.op} is not known; the CPU has none."
        return at.found(Severity.WARNING, "provider-not-known", sentence)
    if schema is not None and has_body(schema) and not facts:
        return None  # its operators are judged by what they are
    sure = release.minor == listed
    sentence = f"ONNX Runtime {why}: the CPU runs the node, and its tensors are copied."
    if not sure:
        sentence = f"ONNX Runtime {why}; {release} may: else the CPU runs the node, and its tensors are copied."
    return at.found(Severity.WARNING if sure else Severity.INFO, "runs-on-cpu", sentence)


def _on_tensorrt(at: At) -> DeployFinding | None:
    support = tensorrt_support(at.node.op_type, _NEWEST_LIST)
    if at.domain == "" and (not support.known or support.supported):
        return None
    sentence = (
        f"TensorRT's list of operators (10.15) has no {at.op}: CUDA or the CPU runs the node, and cuts the engine."
    )
    return at.found(Severity.WARNING, "runs-beside-tensorrt", sentence)


def _bound(at: At, schema: Any, types: Mapping[str, ValueType]) -> dict[str, str]:
    """Return the element type of each type parameter and of each input and output by name; ``""``: not known.

    A parameter is bound by the first input, else output, that has it (``TypeBindingResolver`` of ONNX Runtime).
    """
    bound: dict[str, str] = {}
    for formals, actual in ((schema.inputs, at.node.input), (schema.outputs, at.node.output)):
        for slot, name in enumerate(actual):
            if not name or not formals:
                continue
            formal = formals[min(slot, len(formals) - 1)]
            kind = _kind(types.get(name))
            bound.setdefault(formal.type_str, kind)
            bound.setdefault(formal.name, kind)
    return bound


def _kind(known: ValueType | None) -> str:
    """Return a type as the table writes it; ``""`` when it is not known well enough."""
    if known is None or not known.dtype:
        return ""
    return {"tensor": known.dtype, "sequence": f"seq(tensor({known.dtype}))"}.get(known.kind, "")


def _fits(kernel: Kernel, bound: Mapping[str, str]) -> bool:
    return all(not bound.get(name) or bound[name] in kinds for name, kinds in kernel.types.items())
