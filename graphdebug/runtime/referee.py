"""A float64 referee: the model run node by node in double precision, to say which of two engines is nearer the truth.

Every half, bfloat16 and float32 value is float64 instead, weights included (doubling.py). A node runs on ONNX Runtime
where that has a double kernel, else on the reference evaluator; what neither does in double stays as the model has it,
between casts, and is listed. Products of matrices and convolutions are NumPy's, whose double kernels are the faster.

Nothing is fused, so every tensor can be fetched. A weight is read when its node runs and dropped behind it, and a value
when nothing needs it any more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort

from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.tensors import read_tensor
from graphdebug.runtime.backend import BackendError, Mode, Value
from graphdebug.runtime.doubling import wide
from graphdebug.runtime.single_nodes import Nodes
from graphdebug.runtime.taps import model_inputs


class RefereeSession:
    """A model made ready to run in double precision."""

    def __init__(self, model: Model, names: Sequence[str], mode: Mode, engine: str) -> None:
        """Look at the graph; nodes are made ready as they run.

        Raises:
            BackendError: the graph has a cycle, or uses a value that nothing makes.
        """
        self._model = model
        self._index = model.graphs[MAIN_GRAPH]
        _check_runnable(self._index)
        self.inputs: Sequence[ValueInfo] = model_inputs(model)
        self.tensors: Sequence[str] = names
        self.outputs: Sequence[str] = [name for name in self._index.outputs if name in set(names)]
        self.untapped: Mapping[str, str] = {}
        self.types: Mapping[str, ValueType] = {
            name: _doubled_type(kind) for name, kind in model.types[MAIN_GRAPH].items() if name in set(names)
        }
        versions = f"ONNX Runtime {ort.__version__}, onnx {onnx.__version__}, NumPy {np.__version__}"
        self._said = {"backend": f"float64 referee ({versions})", "mode": str(mode), "engine": engine}
        self.environment: Mapping[str, str] = self._said
        """What ran; from the first run on, in the same dictionary, also where, and what was not computed in double."""
        self._nodes: Nodes | None = Nodes(model, engine)
        self._takes = [list(dict.fromkeys(name for name in taken if name)) for taken in self._index.taken]

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run what the named tensors need, once, and return them; floats as float64."""
        if self._nodes is None:
            raise BackendError("This session of the referee has been closed.")
        known = {*self.tensors}
        unknown = [name for name in fetch if name not in known]
        if unknown:
            raise BackendError(f"The referee cannot fetch {unknown[0]!r} from this session.")
        missing = [value.name for value in self.inputs if value.name not in feeds]
        if missing:
            raise BackendError(f"Input {missing[0]!r} of the model is not fed.")
        values = {name: wide(value) for name, value in feeds.items()}
        needed = self._needed(fetch)
        left = Counter(name for position in needed for name in self._takes[position])
        left.update(fetch)  # never dropped
        for position in needed:
            taken = {name: self._value(values, name) for name in self._takes[position]}
            made = zip(self._index.nodes[position].output, self._run(position, taken), strict=False)
            values |= {name: value for name, value in made if name and left[name]}
            for name in taken:
                left[name] -= 1
                if not left[name]:
                    values.pop(name, None)
        self._said |= self._nodes.told()
        return {name: self._value(values, name) for name in dict.fromkeys(fetch)}

    def close(self) -> None:
        """Free what the nodes run on."""
        self._nodes = None

    def _needed(self, fetch: Sequence[str]) -> list[int]:
        """Return the nodes that the named tensors depend on, in an order in which they can run."""
        waiting = [self._index.producer[name] for name in fetch if name in self._index.producer]
        needed = set(waiting)
        while waiting:
            for name in self._takes[waiting.pop()]:
                maker = self._index.producer.get(name)
                if maker is not None and maker not in needed:
                    needed.add(maker)
                    waiting.append(maker)
        return [position for position in self._index.order if position in needed]

    def _value(self, values: Mapping[str, Value], name: str) -> Value:
        """Return a value that was computed or fed, else the stored one."""
        if name in values:
            return values[name]
        if name in self._index.initializers:
            return wide(np.asarray(read_tensor(self._model, self._index.initializers[name])))
        raise BackendError(f"The referee finds no value for {name!r}: nothing in the main graph makes it.")

    def _run(self, position: int, taken: dict[str, Value]) -> list[Value]:
        assert self._nodes is not None
        return [wide(value) for value in self._nodes.run(position, taken)]


def _doubled_type(kind: ValueType) -> ValueType:
    return replace(kind, dtype="double") if kind.dtype in ("float", "float16", "bfloat16") else kind


def _check_runnable(index: GraphIndex) -> None:
    if index.stuck:
        raise BackendError(f"The graph has a cycle at {index.names[min(index.stuck)]}, so that it cannot run.")
