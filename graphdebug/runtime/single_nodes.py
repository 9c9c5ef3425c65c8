"""Nodes run one at a time in double precision, each on the first engine that can: see referee.py."""

import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper
from onnx.reference import ReferenceEvaluator

from graphdebug.foreign.onnxruntime_session import sentence
from graphdebug.model.document import Model
from graphdebug.model.external import is_external
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import infer_types
from graphdebug.model.tensors import Array, read_tensor
from graphdebug.model.value_types import dtype_number, tensor_type
from graphdebug.runtime.backend import BackendError, Value
from graphdebug.runtime.doubling import FLOATS, doubled_function, doubled_node, with_values
from graphdebug.runtime.evaluator_ops import FAST_OPERATORS
from graphdebug.runtime.onnxruntime_values import from_ort_value, is_raw, to_feed

T = TypeVar("T")

Run = Callable[[dict[str, Value]], list[Value]]
"""Runs one node: its inputs by name in, its outputs in order out."""

ENGINES = ("onnxruntime", "evaluator")
_MODEL = "as the model has it"
_IN_NUMPY = frozenset(("MatMul", "Gemm", "Conv", "ConvTranspose", "AveragePool", "Attention"))
"""Operators that the evaluator is asked for first: it is faster. (Attention: ONNX Runtime 1.31 takes a double one apart
and leaves ``nonpad_kv_seqlen`` out.)"""
_AS_IT_IS = {"BitCast": "reads the bits of its input"}
"""Operators that mean something else in double."""
_SINGLE_INSIDE = {"LinearAttention": "the reference evaluator computes it in float32"}
"""Operators that the evaluator (onnx 1.23) takes in double and rounds on the way."""
_SESSIONS = 512
_LISTED = 12
_ERRORS_ONLY = 4


class Nodes:
    """Runs single nodes, each on the first engine that does it; remembers which that was."""

    def __init__(self, model: Model, engine: str) -> None:
        """Take the nodes of ``model``'s main graph; ``engine`` is one of `ENGINES`, the one to try first."""
        self._model, self._engine = model, engine
        self._index = model.graphs[MAIN_GRAPH]
        self._functions = [doubled_function(function, self._read) for function in model.proto.functions]
        self._ready: OrderedDict[tuple[object, ...], Run] = OrderedDict()
        self._refused: set[tuple[object, ...]] = set()
        self._ran: dict[int, str] = {}
        self._kept: dict[int, str] = {}
        self._types: Mapping[str, ValueType] | None = None

    def run(self, position: int, taken: dict[str, Value]) -> list[Value]:
        """Run a node.

        Raises:
            BackendError: no engine does; the sentence is what ONNX Runtime says of it in the model's own types.
        """
        node = self._index.nodes[position]
        problems = [_AS_IT_IS[node.op_type]] if node.op_type in _AS_IT_IS else []
        for way in ([] if problems else self._order(node)) + [_MODEL]:
            try:
                values = self._as_it_is(position, taken) if way == _MODEL else self._in_double(way, position, taken)
            except MemoryError:
                raise
            except Exception as error:
                problems.append(sentence(error).rstrip("."))
                continue
            self._ran[position] = way
            if way == _MODEL and any(_is_float(value) for value in (*taken.values(), *values)):
                self._kept[position] = problems[0]
            elif way == "evaluator" and node.op_type in _SINGLE_INSIDE:
                self._kept[position] = _SINGLE_INSIDE[node.op_type]
            return values
        raise BackendError(f"The referee failed at {self._index.names[position]} ({node.op_type}): {problems[-1]}.")

    def told(self) -> dict[str, str]:
        """Say what ran where, and what was not computed in double."""
        if not self._ran:
            return {}
        counts = Counter(way for way in self._ran.values() if way in ENGINES)
        told = {"nodes in double": ", ".join(f"{count:,} by {way}" for way, count in counts.most_common()) or "none"}
        if self._kept:
            names = [
                f"{self._index.names[at]} ({self._index.nodes[at].op_type}: {why})" for at, why in self._kept.items()
            ]
            more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
            told["not in double"] = "; ".join(names[:_LISTED]) + more
        return told

    def _order(self, node: onnx.NodeProto) -> list[str]:
        if self._engine == "evaluator":
            return ["evaluator"]
        return list(ENGINES[::-1] if node.op_type in _IN_NUMPY and not node.domain else ENGINES)

    def _in_double(self, way: str, position: int, taken: dict[str, Value]) -> list[Value]:
        node = self._index.nodes[position]
        key = (way, self._signature(position), *(_kind(value) for value in taken.values()))
        if key in self._refused:
            raise BackendError(f"{way} has no double precision for it")
        if key not in self._ready:
            made = doubled_node(node, self._read)
            try:
                model = self._single(made, taken, self._functions)
                self._keep(key, _on_onnxruntime(model) if way == "onnxruntime" else _on_evaluator(model))
            except Exception:
                self._refused.add(key)
                raise
        self._ready.move_to_end(key)
        return self._ready[key](_renamed(node, taken))

    def _as_it_is(self, position: int, taken: dict[str, Value]) -> list[Value]:
        """Run a node on ONNX Runtime in the types that the model has."""
        node = self._index.nodes[position]
        narrow = {name: _narrow(value, self._type(name)) for name, value in taken.items()}
        key = (_MODEL, self._signature(position), *(_kind(value) for value in narrow.values()))
        if key not in self._ready:
            functions = list(self._model.proto.functions)
            self._keep(key, _on_onnxruntime(self._single(with_values(node, self._read), narrow, functions)))
        return self._ready[key](_renamed(node, narrow))

    def _type(self, name: str) -> ValueType | None:
        """Return the type that the model has for a value, as far as that can be inferred."""
        if name in self._index.initializers:
            return tensor_type(self._index.initializers[name])
        if self._types is None:
            self._types = {**infer_types(self._model)[MAIN_GRAPH], **self._model.types[MAIN_GRAPH]}
        return self._types.get(name)

    def _keep(self, key: tuple[object, ...], run: Run) -> None:
        self._ready[key] = run
        if len(self._ready) > _SESSIONS:
            self._ready.popitem(last=False)

    def _signature(self, position: int) -> object:
        """Return what equal nodes share; nodes with graphs in them are like no other."""
        if self._index.children.get(position):
            return position
        node = onnx.NodeProto()
        node.CopyFrom(self._index.nodes[position])
        for attribute in node.attribute:
            if is_external(attribute.t):
                return position
        return _canonical(node).SerializeToString()

    def _single(
        self, node: onnx.NodeProto, taken: Mapping[str, Value], functions: Sequence[onnx.FunctionProto]
    ) -> onnx.ModelProto:
        """Return a model of one node, with what it takes as inputs."""
        double = functions is self._functions
        types = {name: _type_of(value) or self._declared(name, double) for name, value in taken.items()}
        inputs = [helper.make_value_info(name, kind) for name, kind in _renamed(node, types).items()]
        node = _canonical(node)
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = helper.make_graph([node], "node", inputs, outputs)
        opsets = list(self._model.proto.opset_import)
        return helper.make_model(
            graph, ir_version=max(8, self._model.proto.ir_version), opset_imports=opsets, functions=list(functions)
        )

    def _declared(self, name: str, double: bool) -> onnx.TypeProto:
        """Return the type of a sequence without elements, which only the model tells."""
        kind = self._type(name)
        number = dtype_number(kind.dtype) if kind is not None and kind.kind == "sequence" else 0
        if not number:
            raise BackendError("nothing says the type of an empty value")
        number = onnx.TensorProto.DOUBLE if double and number in FLOATS else number
        return helper.make_sequence_type_proto(helper.make_tensor_type_proto(number, None))

    def _read(self, tensor: onnx.TensorProto) -> Array:
        return np.asarray(read_tensor(self._model, tensor))


def _on_onnxruntime(model: onnx.ModelProto) -> Run:
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1  # hundreds of sessions: no pool of threads for each
    options.enable_cpu_mem_arena = False
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    made = {output.name: output.type for output in session.get_outputs()}
    wanted = list(model.graph.node[0].output)

    def run(feeds: dict[str, Value]) -> list[Value]:
        given = {name: to_feed(value) for name, value in feeds.items()}
        if any(map(is_raw, made.values())):
            held = {
                name: value if isinstance(value, ort.OrtValue) else ort.OrtValue.ortvalue_from_numpy(value)
                for name, value in given.items()
            }
            found = dict(zip(made, map(from_ort_value, session.run_with_ort_values(list(made), held)), strict=True))
        else:
            found = dict(zip(made, session.run(list(made), given), strict=True))
        return [found.get(name) for name in wanted]

    return run


def _on_evaluator(model: onnx.ModelProto) -> Run:
    evaluator = ReferenceEvaluator(model, new_ops=FAST_OPERATORS)
    made, wanted = [output.name for output in model.graph.output], list(model.graph.node[0].output)

    def run(feeds: dict[str, Value]) -> list[Value]:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dict(zip(made, evaluator.run(None, feeds), strict=True))
        if any(isinstance(value, np.ndarray) and value.dtype == np.float32 for value in found.values()):
            raise BackendError("the reference evaluator computes it in float32")
        return [found.get(name) for name in wanted]

    return run


def _canonical(node: onnx.NodeProto) -> onnx.NodeProto:
    """Return a node without a name and with values called by their places, unless graphs in it use them by name."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    made.ClearField("name")
    made.ClearField("metadata_props")
    made.ClearField("doc_string")
    if not any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        places = {name: f"i{at}" for at, name in enumerate(dict.fromkeys(node.input)) if name}
        made.input[:] = [places.get(name, "") for name in node.input]
        made.output[:] = [f"o{at}" if name else "" for at, name in enumerate(node.output)]
    return made


def _renamed(node: onnx.NodeProto, taken: Mapping[str, T]) -> dict[str, T]:
    """Return what a node takes under the names that `_canonical` gives."""
    if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        return dict(taken)
    return {f"i{at}": taken[name] for at, name in enumerate(dict.fromkeys(node.input)) if name}


def _type_of(value: Value) -> onnx.TypeProto | None:
    """Return the type of a value for a model's input, a tensor's without its lengths; None where it shows none."""
    if isinstance(value, list):
        inner = _type_of(value[0]) if value else None
        return inner and helper.make_sequence_type_proto(_any_shape(inner))
    if not isinstance(value, np.ndarray):
        return None
    number = onnx.TensorProto.STRING if value.dtype.kind in "OUS" else helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_type_proto(number, [None] * value.ndim)


def _any_shape(kind: onnx.TypeProto) -> onnx.TypeProto:
    """Return a tensor's type without its rank: elements of a sequence may have different ones."""
    return helper.make_tensor_type_proto(kind.tensor_type.elem_type, None) if kind.HasField("tensor_type") else kind


def _kind(value: Value) -> object:
    if isinstance(value, list):
        return ("sequence", *({_kind(item) for item in value}))
    return (value.dtype.name, value.ndim) if isinstance(value, np.ndarray) else type(value).__name__


def _narrow(value: Value, kind: ValueType | None) -> Value:
    """Return a double value in the type that the model has for it, float32 when that is not known."""
    if isinstance(value, list):
        return [_narrow(item, kind) for item in value]
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        return value
    number = dtype_number(kind.dtype if kind is not None and kind.dtype else "float")
    return value.astype(np.dtype(helper.tensor_dtype_to_np_dtype(number))) if number else value


def _is_float(value: Value) -> bool:
    if isinstance(value, list):
        return any(map(_is_float, value))
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
