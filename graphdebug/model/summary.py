"""What one sees of a model at once."""

from collections import Counter
from collections.abc import Iterator

from graphdebug.model.cost import cost
from graphdebug.model.document import Model, Types
from graphdebug.model.external import ExternalDataError, plain_file
from graphdebug.model.index import GraphIndex, function_key
from graphdebug.model.records import GraphInfo, InitializerInfo, ModelSummary, ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.save import external_files
from graphdebug.model.tensors import initializer_info

LARGEST = 20
"""How many initializers `ModelSummary.largest` lists."""

_ONNX_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training"}
_LIMIT = (1 << 63) - 1
"""What a record can carry; a hostile model's dimensions come to more."""


def summarise(model: Model, types: Types) -> ModelSummary:
    """Summarise a model without reading values. ``types`` are inferred types beyond those it declares."""
    proto = model.proto
    graphs = [model.graphs[path] for path in model.graphs]
    main = model.graphs[MAIN_GRAPH]
    known = {**model.types[MAIN_GRAPH], **types.get(MAIN_GRAPH, {})}
    initializers = [info for index in graphs for info in _initializers(model, index)]
    by_dtype: dict[str, tuple[int, int]] = {}
    for info in initializers:
        elements, size = by_dtype.get(info.type.dtype, (0, 0))
        by_dtype[info.type.dtype] = elements + _elements(info.type), size + info.bytes
    symbols = tuple(
        dict.fromkeys(
            dim
            for name in main.inputs
            for dim in known.get(name, ValueType()).shape or ()
            if isinstance(dim, str) and dim
        )
    )
    counted = cost(model, types, symbols)
    ops = Counter(
        f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        for index in graphs
        for node in index.nodes
    )
    return ModelSummary(
        ir_version=proto.ir_version,
        opsets=tuple((entry.domain, entry.version) for entry in proto.opset_import),
        producer=f"{proto.producer_name} {proto.producer_version}".strip(),
        graph_name=proto.graph.name,
        doc_string=proto.doc_string or proto.graph.doc_string,
        metadata=tuple((entry.key, entry.value) for entry in proto.metadata_props),
        inputs=tuple(ValueInfo(name, known.get(name, ValueType(kind="unknown"))) for name in main.inputs),
        outputs=tuple(ValueInfo(name, known.get(name, ValueType(kind="unknown"))) for name in main.outputs),
        ops=tuple(ops.most_common()),
        parameters=min(sum(elements for elements, _ in by_dtype.values()), _LIMIT),
        bytes_by_dtype=tuple(
            (dtype, min(elements, _LIMIT), min(size, _LIMIT))
            for dtype, (elements, size) in sorted(by_dtype.items(), key=lambda entry: -entry[1][1])
        ),
        macs=min(counted.macs, _LIMIT),
        macs_unknown=counted.unknown,
        largest=tuple(sorted(initializers, key=lambda info: -info.bytes)[:LARGEST]),
        graphs=tuple(GraphInfo(index.path, index.title, len(index.nodes)) for index in graphs),
        custom_domains=_custom_domains(model, graphs),
        nodes=sum(len(index.nodes) for index in graphs),
        file_bytes=model.path.stat().st_size,
        external_bytes=sum(_external_sizes(model)),
        macs_ones=symbols,
        macs_choices=counted.choices,
        macs_open_loops=counted.open_loops,
    )


def _initializers(model: Model, index: GraphIndex) -> Iterator[InitializerInfo]:
    for name in (*index.initializers, *index.sparse):
        info = initializer_info(model, index.path, name)
        yield InitializerInfo(info.graph, info.name, info.type, min(info.bytes, _LIMIT))


def _elements(type_: ValueType) -> int:
    """Count the elements of a stored tensor; those with impossible dimensions count none."""
    elements = 1
    for dim in type_.shape or ():
        elements *= dim if isinstance(dim, int) and dim > 0 else 0
    return elements if elements <= _LIMIT else 0


def _custom_domains(model: Model, graphs: list[GraphIndex]) -> tuple[str, ...]:
    """Return the domains of operators that neither ONNX nor a function of the model defines."""
    foreign = {
        node.domain
        for index in graphs
        for node in index.nodes
        if node.domain not in _ONNX_DOMAINS
        and function_key(node.domain, node.op_type, node.overload) not in model.functions
    }
    return tuple(sorted(foreign))


def _external_sizes(model: Model) -> Iterator[int]:
    for name in external_files(model):
        try:
            yield plain_file(model.path, name).stat().st_size
        except (ExternalDataError, OSError):
            continue
