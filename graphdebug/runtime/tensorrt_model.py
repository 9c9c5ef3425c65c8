"""The ONNX file that TensorRT's parser gets: with its weights where it finds them, in the precision that is asked for.

The parser reads external data of the folder that a path beside the model names, and complains of any key but
``location``, ``offset`` and ``length`` and of a length that is not exactly that of its values (onnx-tensorrt,
``WeightsContext.cpp``). So a model without its weights is parsed as if it lay beside its file, where nothing is copied.
"""

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import edited
from graphdebug.edit.precision import ConvertFloat
from graphdebug.model.document import Model, open_model
from graphdebug.model.external import ExternalDataError, Payload, is_external, locate
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.save import save
from graphdebug.model.shapes import infer_types
from graphdebug.model.value_types import dtype_name
from graphdebug.model.walk import stored_tensors
from graphdebug.runtime.backend import BackendError, Value

_MODEL, _WHOLE, _QUANTIZED = "model.onnx", "whole.onnx", "quantized.onnx"
_CHUNK = 1 << 20
_QUANTIZED_OPS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_FIRST_WITH_FLOAT8 = 19


@dataclass(frozen=True, slots=True)
class ParserFile:
    """A model for the parser: the file, a path in the folder that its weights lie in, and what it is, as SHA-256."""

    onnx: Path
    beside: Path
    digest: str


def write_for_parser(model: Model, proto: onnx.ModelProto, folder: Path) -> ParserFile:
    """Write ``proto``, which is ``model``'s with other outputs or names, into ``folder``; weights stay where they lie.

    Values of 64-bit floats, which the parser does not read from other files, and values made by edits, which lie in
    other folders, have the whole model written.

    Raises:
        BackendError: a tensor refers to bytes that are not there, or the model is too large to be written whole.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    payloads: list[Payload] = []
    home = model.path.parent.absolute()
    path = folder / _MODEL
    try:
        for stored in stored_tensors(copy):
            tensor = stored.tensor
            if not is_external(tensor):
                continue
            payload = locate(model.path, tensor, model.values)
            if tensor.data_type == TensorProto.DOUBLE or not payload.path.absolute().is_relative_to(home):
                save(replace(model, proto=proto), path)
                return ParserFile(path, path, _digest(path.read_bytes(), _files_beside(path)))
            payloads.append(payload)
            _refer(tensor, payload, home)
        path.write_bytes(copy.SerializeToString())
    except (ExternalDataError, ValueError) as error:
        raise BackendError(f"TensorRT cannot be given the model: {error}") from error
    return ParserFile(path, home / _MODEL, _digest(path.read_bytes(), sorted({each.path for each in payloads})))


def stored_types(model: Model) -> frozenset[str]:
    """Return the element types of the model's values, stored ones and those that Q/DQ nodes make included."""
    types = model.types if model.inferred or model.types_file else infer_types(model)
    known = {value.dtype for path in model.graphs for value in types.get(path, {}).values()}
    stored = {dtype_name(each.tensor.data_type) for each in stored_tensors(model.proto)}
    return frozenset(known | stored) - {""}


def rewritten(model: Model, to: str, folder: Path, batches: Sequence[Mapping[str, Value]]) -> Model:
    """Return ``model`` in another precision: ``float16``, ``bfloat16`` by casts, ``int8``, ``float8e4m3fn`` by Q/DQ.

    Inputs and outputs keep their types. Q/DQ ranges are measured on ``batches`` by ONNX Runtime's quantizer, symmetric
    and without quantized biases, as TensorRT wants them. Files go into ``folder``.

    Raises:
        BackendError: it cannot be rewritten; says why.
    """
    try:
        if to in ("float16", "bfloat16"):
            values = folder / "values"
            values.mkdir(exist_ok=True)
            conversion = ConvertFloat(to=to)  # type: ignore[arg-type]
            return edited(replace(model, values=model.values or values), conversion).model
        return _quantized(model, to, folder, batches)
    except (EditError, ExternalDataError) as error:
        raise BackendError(f"The model cannot be rewritten to {to}, which this TensorRT needs: {error}") from error


def _quantized(model: Model, to: str, folder: Path, batches: Sequence[Mapping[str, Value]]) -> Model:
    opset = next((each.version for each in model.proto.opset_import if each.domain in ("", "ai.onnx")), 0)
    if to != "int8" and opset < _FIRST_WITH_FLOAT8:
        raise BackendError(f"The model's operator set {opset} has no fp8: convert it to {_FIRST_WITH_FLOAT8} or newer.")
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    whole, made = folder / _WHOLE, folder / _QUANTIZED
    save(model, whole)
    kind = QuantType.QInt8 if to == "int8" else QuantType.QFLOAT8E4M3FN
    try:
        with _quiet():
            quantize_static(
                str(whole),
                str(made),
                _Reader(batches),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(_QUANTIZED_OPS),
                activation_type=kind,
                weight_type=kind,
                calibrate_method=CalibrationMethod.MinMax if to == "int8" else CalibrationMethod.Distribution,
                use_external_data_format=whole.stat().st_size > 1_500_000_000,
                extra_options={
                    "ActivationSymmetric": True,
                    "WeightSymmetric": True,
                    "AddQDQPairToWeight": True,
                    "QuantizeBias": False,
                    "DedicatedQDQPair": True,
                },
            )
    except MemoryError:
        raise
    except Exception as error:
        raise BackendError(f"The model cannot be quantized to {to}: {type(error).__name__}: {error}.") from error
    found = open_model(made)
    if not any(node.op_type == "QuantizeLinear" for node in found.graphs[MAIN_GRAPH].nodes):
        raise BackendError(f"The model has nothing to quantize to {to}: no {', '.join(_QUANTIZED_OPS)}.")
    return found


class _Reader:
    """Gives the quantizer one input after the other; it is asked anew for each pass."""

    def __init__(self, batches: Sequence[Mapping[str, Value]]) -> None:
        self._left = list(batches)

    def __iter__(self) -> "_Reader":
        return self

    def __next__(self) -> Mapping[str, Value]:
        found = self.get_next()
        if found is None:
            raise StopIteration
        return found

    def get_next(self) -> Mapping[str, Value] | None:
        return self._left.pop(0) if self._left else None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's advice to itself: it is for those who call it."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        logging.disable(level)


def _refer(tensor: TensorProto, payload: Payload, home: Path) -> None:
    """Have ``tensor`` refer to ``payload`` in the words that the parser knows."""
    said: dict[str, Any] = {
        "location": payload.path.absolute().relative_to(home).as_posix(),
        "offset": payload.offset,
        "length": payload.length,
    }
    del tensor.external_data[:]
    for key, value in said.items():
        tensor.external_data.add(key=key, value=str(value))


def _files_beside(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.rglob("*") if each.is_file() and each != path)


def _digest(data: bytes, files: Sequence[Path]) -> str:
    """Return a SHA-256 over the model and the contents of its files, wherever they lie."""
    digest = hashlib.sha256(data)
    for each in files:
        with each.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
