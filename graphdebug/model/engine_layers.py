"""What a TensorRT engine is made of, as its inspector or ``trtexec --exportLayerInfo`` tells it: layers as a graph.

The JSON is that of ``IEngineInspector.get_engine_information``: ``Layers`` with ``Name``, ``LayerType``, ``Inputs`` and
``Outputs`` (``Name``, ``Dimensions``, ``Format/Datatype``) and, from TensorRT 8.6 on, ``Metadata`` with the ONNX nodes
that a layer stands for. Earlier ones say so in the layer's name: ``Conv_0 + Relu_1``.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import onnx
from onnx import TensorProto, helper

DOMAIN = "tensorrt.engine"
"""Of the nodes that stand for layers; their operator is the layer's type."""
ONNX_NODES = "onnx_nodes"
"""The attribute with the names of the ONNX nodes that a layer stands for."""

_METADATA = re.compile(r"\[ONNX Layer: (.*?)\](?=[\x1e\x1f\s\[]|$)")
_FOREIGN = re.compile(r"\{ForeignNode\[(.*?)\.\.\.(.*?)\]\}")
_POINTWISE = re.compile(r"PWN\(|\)|, ")
"""What a chain of pointwise operations is written with: ``PWN(PWN(Sigmoid_1), Mul_2)``."""
_COPY = re.compile(r"^Reformatting CopyNode for ")
_DTYPES = (
    (re.compile(r"FP32|\bFloat\b"), TensorProto.FLOAT),
    (re.compile(r"BF16|BFloat16"), TensorProto.BFLOAT16),
    (re.compile(r"FP16|\bHalf\b"), TensorProto.FLOAT16),
    (re.compile(r"\bFP8\b"), TensorProto.FLOAT8E4M3FN),
    (re.compile(r"\bINT8\b", re.I), TensorProto.INT8),
    (re.compile(r"\bUINT8\b", re.I), TensorProto.UINT8),
    (re.compile(r"\bINT4\b", re.I), TensorProto.INT4),
    (re.compile(r"\bINT32\b", re.I), TensorProto.INT32),
    (re.compile(r"\bINT64\b", re.I), TensorProto.INT64),
    (re.compile(r"\bBOOL\b", re.I), TensorProto.BOOL),
)
_TOLD = ("Name", "LayerType", "Inputs", "Outputs", "Metadata")
_PORTS = {"Inputs": "input_formats", "Outputs": "output_formats"}


class LayersError(ValueError):
    """A text does not tell the layers of an engine; the message is one sentence."""


def layers_model(text: str) -> onnx.ModelProto:
    """Return a model whose nodes are the layers of an engine, in the order in which they run.

    It is to be looked at and matched, not to be run. Where several layers write into one tensor (parts of a Concat),
    each gets a value of its own, and what reads the tensor takes them all.

    Raises:
        LayersError: the text is nothing of the kind, or the engine was built without details.
    """
    layers, bindings = _read(text)
    graph = onnx.GraphProto(name="engine")
    values = _Values()
    for layer in layers:
        node = graph.node.add(domain=DOMAIN, op_type=str(layer.get("LayerType") or "Layer"), name=str(layer["Name"]))
        written = [port["Name"] for port in layer["Outputs"]]
        for port in layer["Inputs"]:
            node.input.extend(values.read(port))
        for port in layer["Outputs"]:
            node.output.append(values.write(port, anew=port["Name"] in {each["Name"] for each in layer["Inputs"]}))
        if len(set(written)) < len(written):
            raise LayersError(f"The layer {layer['Name']!r} writes one tensor twice.")
        node.attribute.extend(_attributes(layer))
    given, made = values.given(), values.made()
    used = {name for node in graph.node for name in node.input}
    graph.input.extend(values.entry(name) for name in given)
    graph.output.extend(values.entry(name) for name in made if name not in used or name in bindings)
    graph.value_info.extend(values.entry(name) for name in made if name in used and name not in bindings)
    model = helper.make_model(
        graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    )
    model.producer_name = "TensorRT"
    return model


def onnx_nodes(node: onnx.NodeProto) -> tuple[str, ...]:
    """Return the names of the ONNX nodes that a layer says it stands for; of other nodes, none."""
    if node.domain != DOMAIN:
        return ()
    found = next((each for each in node.attribute if each.name == ONNX_NODES), None)
    return tuple(name.decode("utf-8", "replace") for name in found.strings) if found is not None else ()


def _read(text: str) -> tuple[list[dict[str, Any]], frozenset[str]]:
    """Return the layers, each with its name and lists of inputs and outputs, and the names of the engine's tensors."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LayersError(f"This is no JSON: {error}.") from None
    layers = told.get("Layers") if isinstance(told, dict) else None
    if not isinstance(layers, list) or not layers:
        raise LayersError('This is not the layer information of an engine: it has no list of "Layers".')
    if all(isinstance(layer, str) for layer in layers):
        raise LayersError(
            "The engine tells only the names of its layers: build it with detailed profiling verbosity "
            "(trtexec --profilingVerbosity=detailed) and write its layer information again."
        )
    for layer in layers:
        if not isinstance(layer, dict) or not isinstance(layer.get("Name"), str):
            raise LayersError("A layer has no name.")
        for side in ("Inputs", "Outputs"):
            ports = layer.setdefault(side, [])
            if not isinstance(ports, list) or not all(
                isinstance(port, dict) and isinstance(port.get("Name"), str) for port in ports
            ):
                raise LayersError(f"{side} of the layer {layer['Name']!r} are no list of tensors with names.")
    bindings = told.get("Bindings")
    names = bindings if isinstance(bindings, list) else []
    return layers, frozenset(name for name in names if isinstance(name, str))


class _Values:
    """The tensors between layers, each written by one layer."""

    def __init__(self) -> None:
        self._now: dict[str, list[str]] = {}
        """Tensor → the values that are in it now."""
        self._types: dict[str, onnx.TypeProto] = {}
        self._given: list[str] = []
        self._made: list[str] = []

    def read(self, port: Mapping[str, Any]) -> list[str]:
        """Return the values that a layer takes with a tensor."""
        name: str = port["Name"]
        if name not in self._now:
            self._now[name] = [name]
            self._given.append(name)
            self._types[name] = _type(port)
        return self._now[name]

    def write(self, port: Mapping[str, Any], anew: bool) -> str:
        """Return the value that a layer makes in a tensor; ``anew``: it replaces what is there."""
        tensor: str = port["Name"]
        name, number = tensor, 1
        while name in self._types:
            number += 1
            name = f"{tensor} ({number})"
        self._now[tensor] = [name] if anew else [*self._now.get(tensor, []), name]
        self._made.append(name)
        self._types[name] = _type(port)
        return name

    def given(self) -> Iterable[str]:
        return self._given

    def made(self) -> Iterable[str]:
        return self._made

    def entry(self, name: str) -> onnx.ValueInfoProto:
        return onnx.ValueInfoProto(name=name, type=self._types[name])


def _type(port: Mapping[str, Any]) -> onnx.TypeProto:
    form, lengths = str(port.get("Format/Datatype", "")), port.get("Dimensions")
    number = next((dtype for pattern, dtype in _DTYPES if pattern.search(form)), TensorProto.UNDEFINED)
    if number == TensorProto.UNDEFINED:
        return onnx.TypeProto()
    shape = None
    if isinstance(lengths, list) and all(isinstance(length, int) for length in lengths):
        shape = [length if length >= 0 else None for length in lengths]
    return helper.make_tensor_type_proto(number, shape)


def _attributes(layer: Mapping[str, Any]) -> Iterator[onnx.AttributeProto]:
    if nodes := _stands_for(layer):
        yield helper.make_attribute(ONNX_NODES, nodes)
    for side, name in _PORTS.items():
        forms = [str(port.get("Format/Datatype", "")) for port in layer[side]]
        if any(forms):
            yield helper.make_attribute(name, forms)
    for name, value in layer.items():
        if name not in _TOLD and (told := _attribute(name, value)) is not None:
            yield told


def _attribute(name: str, value: Any) -> onnx.AttributeProto | None:
    if isinstance(value, bool) or value is None or value == [] or not name:
        value = str(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = str(value)
    if isinstance(value, str | int | float) or _is_numbers(value):
        return helper.make_attribute(name or "?", value)
    return helper.make_attribute(name, json.dumps(value))


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, int) and not isinstance(each, bool) and -(2**63) <= each < 2**63 for each in value
    )


def _stands_for(layer: Mapping[str, Any]) -> list[str]:
    """Return the names of the ONNX nodes that a layer was made of: as its metadata says, else as its name does."""
    told = list(dict.fromkeys(_METADATA.findall(str(layer.get("Metadata", "")))))
    name: str = layer["Name"]
    if told or _COPY.match(name):
        return told
    found: list[str] = []
    for part in name.split(" + "):
        foreign = _FOREIGN.search(part)
        found += foreign.groups() if foreign else map(str.strip, _POINTWISE.split(part))
    return list(dict.fromkeys(filter(None, found)))
