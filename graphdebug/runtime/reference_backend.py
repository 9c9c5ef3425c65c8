"""The ONNX reference evaluator as a backend: the specification's own NumPy code, with nothing optimised."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from graphdebug.model.document import Model
from graphdebug.model.external import is_external
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.tensors import read_tensor
from graphdebug.model.walk import stored_tensors
from graphdebug.runtime.backend import Availability, BackendError, BackendSpec, Mode, Session, Value
from graphdebug.runtime.evaluator_ops import OPERATORS
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.taps import chosen, model_inputs


class ReferenceBackend:
    """The reference evaluator, or with ``dtype=float64`` the referee (referee.py).

    Both fuse nothing, so that every mode but ``PLAIN`` can tap every tensor.
    """

    def __init__(self, spec: BackendSpec, progress: Progress = silent) -> None:
        """Keep the SPEC."""
        self.spec = spec

    @property
    def eager(self) -> bool:
        """See `backend.is_eager`: the referee holds no value longer than it must."""
        return self.spec.get("dtype") == "float64"

    def probe(self) -> Availability:
        """It comes with onnx itself."""
        return Availability(True, versions=(("onnx", onnx.__version__),))

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Session:
        """Make ``model`` ready; see the protocol."""
        outputs = list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs))
        names = outputs if mode is Mode.PLAIN else chosen(model, taps)
        if self.spec.get("dtype") == "float64":
            from graphdebug.runtime.referee import RefereeSession

            return RefereeSession(model, names, mode, self.spec.get("engine", "onnxruntime"))
        return ReferenceSession(model, names, mode)


class ReferenceSession:
    """A model made ready for the reference evaluator."""

    def __init__(self, model: Model, names: Sequence[str], mode: Mode) -> None:
        """Load what the evaluator cannot read itself.

        Raises:
            BackendError: the model uses an operator that the evaluator lacks, or is broken.
        """
        self.inputs: Sequence[ValueInfo] = model_inputs(model)
        self.tensors: Sequence[str] = names
        self.outputs: Sequence[str] = [name for name in model.graphs[MAIN_GRAPH].outputs if name in set(names)]
        self.untapped: Mapping[str, str] = {}
        self.types: Mapping[str, ValueType] = {}
        self.environment: Mapping[str, str] = {
            "backend": f"ONNX reference evaluator {onnx.__version__}",
            "numpy": np.__version__,
            "mode": str(mode),
        }
        try:
            self._evaluator: ReferenceEvaluator | None = _evaluator(model)
        except MemoryError:
            raise
        except Exception as error:
            raise BackendError(f"The reference evaluator cannot load the model: {_sentence(error)}") from error

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run once and return the named tensors."""
        if self._evaluator is None:
            raise BackendError("This session of the reference evaluator has been closed.")
        known = {*self.tensors}
        unknown = [name for name in fetch if name not in known]
        if unknown:
            raise BackendError(f"The reference evaluator cannot fetch {unknown[0]!r} from this session.")
        missing = [value.name for value in self.inputs if value.name not in feeds]
        if missing:
            raise BackendError(f"Input {missing[0]!r} of the model is not fed.")
        names = list(dict.fromkeys(fetch))
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                values = self._evaluator.run(names, dict(feeds))
        except MemoryError:
            raise
        except Exception as error:
            current = getattr(self._evaluator, "current", "the first node")
            raise BackendError(f"The reference evaluator failed at {current}: {_sentence(error)}") from error
        return dict(zip(names, values, strict=True))

    def close(self) -> None:
        """Free the model."""
        self._evaluator = None


def _evaluator(model: Model) -> ReferenceEvaluator:
    """Return an evaluator that reads initializers from the model's files, with our checks on external data.

    The evaluators of nested graphs and functions are made of the same class, hence the closure.
    """

    class Evaluator(ReferenceEvaluator):
        def retrieve_external_data(self, initializer: onnx.TensorProto) -> np.ndarray[Any, Any]:
            return read_tensor(model, initializer).view(np.ndarray)

        def _log(self, level: int, pattern: str, *args: Any) -> None:
            if level == 1:  # it starts a node: type, inputs, outputs
                self.current = f"{args[0]}, which makes {args[2][0]!r}" if args[2] else str(args[0])

    return Evaluator(_with_attribute_values(model), new_ops=OPERATORS)


def _with_attribute_values(model: Model) -> onnx.ModelProto:
    """Return the model with the values of tensor attributes inside: the evaluator cannot read those from files."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for stored in stored_tensors(proto):
        if stored.node is not None and is_external(stored.tensor):
            stored.tensor.raw_data = read_tensor(model, stored.tensor).tobytes()
            stored.tensor.ClearField("external_data")
            stored.tensor.ClearField("data_location")
    return proto


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:600].rstrip('.') if lines else 'no reason given'}."
