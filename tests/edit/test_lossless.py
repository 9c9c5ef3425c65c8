"""Lossless: an edit changes what it is about and not a byte more, on every field that other tools lose.

A saved file is walked as protobuf's wire format says, field by field: what is not on the way to the edit must be there
with the very same bytes, in the same order.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.nodes import InsertNode
from graphdebug.edit.operation import edited
from graphdebug.edit.targets import value_target
from graphdebug.edit.undoing import undone
from graphdebug.model.document import open_model
from graphdebug.model.refs import TensorRef
from graphdebug.model.save import save
from graphdebug.model.wire import read_field
from tests.model.small_models import floats

GRAPH, IMPORT, NODE = 7, 8, 1
"""Fields of ModelProto and GraphProto."""

UNKNOWN = b"\xba\xbb\x03\x03new"
"""Field 7095, which ONNX does not have (yet): three bytes."""


Allowed = dict[int, "Allowed | None"]
"""Field → what may differ in its values; None: all."""

REWIRED: Allowed = {1: None, 2: None}
"""What a node takes and makes, in its nested graphs (attribute, graph), too; and what these put out."""
REWIRED[5] = {6: {NODE: REWIRED, 12: {1: None}}}


def fields(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Go through the fields of a message: number, all bytes, and the value's bytes."""
    pos = 0
    while pos < len(data):
        start = pos
        number, _, value, pos = read_field(data, pos, len(data))
        yield number, data[start:pos], data[value:pos]


def plain_model() -> onnx.ModelProto:
    """Return a model with an If, a function, a weight of each way to be stored, and room for every field."""
    weights = [
        numpy_helper.from_array(np.arange(6, dtype=np.float32), "raw"),
        helper.make_tensor("typed", 1, [2], [1.0, 2.0]),
        numpy_helper.from_array(np.full((40, 40), 2, np.float32), "large"),
    ]
    branches = {
        f"{name}_branch": helper.make_graph([helper.make_node("Neg", ["x"], [name])], name, [], [floats(name, 2)])
        for name in ("then", "else")
    }
    nodes = [
        helper.make_node("Add", ["x", "typed"], ["sum"], name="add"),
        helper.make_node("If", ["c"], ["chosen"], name="if", **branches),
        helper.make_node("F", ["sum"], ["called"], domain="local", name="call"),
        helper.make_node("Mul", ["called", "chosen"], ["y"], name="mul"),
    ]
    body = [helper.make_node("Abs", ["a"], ["b"])]
    function = helper.make_function("local", "F", ["a"], ["b"], body, [helper.make_opsetid("", 20)])
    inputs = [helper.make_tensor_value_info("c", 9, []), floats("x", 2)]
    graph = helper.make_graph(nodes, "g", inputs, [floats("y", 2)], weights, value_info=[floats("sum", 2)])
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=[function], ir_version=11)


def _metadata(proto: onnx.ModelProto) -> None:
    graph = proto.graph
    holders = [proto, graph, graph.node[0], graph.initializer[0], graph.value_info[0], graph.input[1], graph.output[0]]
    for holder in [*holders, proto.functions[0], proto.functions[0].node[0], graph.node[1].attribute[0].g]:
        holder.metadata_props.add(key="k2", value="v")
        holder.metadata_props.add(key="k1", value="")


def _docs(proto: onnx.ModelProto) -> None:
    graph = proto.graph
    holders = [proto, graph, graph.node[0], graph.initializer[2], graph.value_info[0], graph.input[0], graph.output[0]]
    for holder in [*holders, proto.functions[0], graph.node[1].attribute[0]]:
        holder.doc_string = "said «so»\n"


def _denotation(proto: onnx.ModelProto) -> None:
    proto.graph.input[1].type.denotation = "IMAGE"
    proto.graph.input[1].type.tensor_type.shape.dim[0].denotation = "DATA_CHANNEL"


def _quantization(proto: onnx.ModelProto) -> None:
    annotation = proto.graph.quantization_annotation.add(tensor_name="typed")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="raw")


def _overload(proto: onnx.ModelProto) -> None:
    proto.functions[0].overload = proto.graph.node[2].overload = "second"


def _devices(proto: onnx.ModelProto) -> None:
    proto.configuration.add(name="two", num_devices=2, device=["a", "b"])
    configured = proto.graph.node[0].device_configurations.add(configuration_id="two", pipeline_stage=1)
    configured.sharding_spec.add(tensor_name="x", device=[0, 1])


def _sparse(proto: onnx.ModelProto) -> None:
    values, indices = numpy_helper.from_array(np.float32([3]), "sparse"), numpy_helper.from_array(np.int64([4]))
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [9]))


def _types(proto: onnx.ModelProto) -> None:
    tensor = helper.make_tensor_type_proto(1, ["N", None])
    for name, kind in {
        "optional": helper.make_optional_type_proto(helper.make_sequence_type_proto(tensor)),
        "map": helper.make_map_type_proto(7, tensor),
        "sparse": helper.make_sparse_tensor_type_proto(1, [3]),
    }.items():
        proto.graph.value_info.append(helper.make_value_info(name, kind))


def _training(proto: onnx.ModelProto) -> None:
    info = proto.training_info.add()
    info.algorithm.initializer.append(numpy_helper.from_array(np.zeros((40, 40), np.float32), "state"))
    info.update_binding.add(key="typed", value="state")


def _unknown(proto: onnx.ModelProto) -> None:
    graph = proto.graph
    for holder in [
        graph.node[0],
        graph.initializer[2],
        graph.value_info[0],
        graph.node[1].attribute[0].g,
        graph,
        proto,
    ]:
        holder.MergeFromString(UNKNOWN)


def _odd_fields(proto: onnx.ModelProto) -> None:
    """Explicit defaults, an empty list, parameters of functions, a segment."""
    proto.graph.node[0].domain = ""
    proto.model_version = 0
    proto.graph.node[0].attribute.add(name="empty", type=onnx.AttributeProto.INTS)
    proto.functions[0].attribute.append("free")
    proto.functions[0].attribute_proto.add(name="given", type=onnx.AttributeProto.INT, i=0)
    proto.functions[0].value_info.append(floats("b", 2))
    proto.graph.initializer[0].data_location = onnx.TensorProto.DEFAULT
    proto.graph.initializer[2].data_location = onnx.TensorProto.DEFAULT
    proto.graph.initializer[1].segment.begin = 0


def _external(proto: onnx.ModelProto) -> None:
    """Values in another file, with keys that nobody knows, in an odd order."""
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"checksum": "0", "length": "24", "new": "x", "location": "values.bin", "offset": "8"}.items():
        tensor.external_data.add(key=key, value=value)


def _unused(proto: onnx.ModelProto) -> None:
    """Initializers of narrow types that nothing uses, out of order."""
    proto.graph.initializer.insert(0, helper.make_tensor("narrow", onnx.TensorProto.INT4, [3], [1, -2, 3]))
    proto.graph.initializer.insert(0, helper.make_tensor("words", onnx.TensorProto.STRING, [1], [b"\xff"]))


FEATURES = (
    _metadata,
    _docs,
    _denotation,
    _quantization,
    _overload,
    _devices,
    _sparse,
    _types,
    _training,
    _unknown,
    _odd_fields,
    _external,
    _unused,
)


def same_but(before: bytes, after: bytes, allowed: Allowed) -> bool:
    """Say whether two messages have the same fields, in order and to the byte, but for what is ``allowed``."""
    old, new = list(fields(before)), list(fields(after))
    if [raw for at, raw, _ in old if at not in allowed] != [raw for at, raw, _ in new if at not in allowed]:
        return False
    for number, inner in allowed.items():
        ours, theirs = values(before, number), values(after, number)
        if len(ours) != len(theirs):
            return False
        if inner is not None and not all(same_but(*pair, inner) for pair in zip(ours, theirs, strict=True)):
            return False
    return True


def one_identity_more(before: bytes, after: bytes) -> bool:
    """Say whether a model differs only in its main graph, by one Identity and by what nodes take and make."""
    (old,), (new,) = values(before, GRAPH), values(after, GRAPH)
    imports = values(before, IMPORT)
    if all(values(each, 1) not in ([], [b""]) for each in imports):  # the Identity's operator set was missing
        assert values(after, IMPORT)[:-1] == imports
    elif values(after, IMPORT) != imports:
        return False
    if not same_but(*(b"".join(without(each, IMPORT)) for each in (before, after)), {GRAPH: None}):
        return False
    if without(old, NODE) != without(new, NODE):
        return False
    ours, theirs = values(old, NODE), values(new, NODE)
    added = [at for at, node in enumerate(theirs) if values(node, 4) == [b"Identity"]]
    return any(
        len(ours) == len(theirs) - 1
        and all(same_but(*pair, REWIRED) for pair in zip(ours, theirs[:at] + theirs[at + 1 :], strict=True))
        for at in added
    )


def values(data: bytes, number: int) -> list[bytes]:
    """Return the values of one field of a message."""
    return [value for at, _, value in fields(data) if at == number]


def without(data: bytes, number: int) -> list[bytes]:
    """Return the other fields."""
    return [raw for at, raw, _ in fields(data) if at != number]


def check(path: Path, folder: Path, values: int) -> int:
    """Insert an Identity behind each of some values, save, compare, undo, save, compare; count what was tried."""
    model = open_model(path)
    index, tried = model.graphs[""], 0
    before = onnx.ModelProto.FromString(path.read_bytes()).SerializeToString(deterministic=True)
    for value in [*index.producer, *index.inputs][:values]:
        try:
            after = edited(model, InsertNode(value=value_target(Editor(model), TensorRef("", value)), op="Identity"))
        except EditError as refusal:
            assert "given and put out unchanged" in str(refusal)
            continue
        saved = folder / path.name
        save(after.model, saved)
        assert one_identity_more(before, saved.read_bytes()), (path, value)
        save(undone(after.model, after.splices), saved)
        assert saved.read_bytes() == path.read_bytes()
        tried += 1
    return tried


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.__name__.strip("_"))
def test_every_field_that_others_lose_is_kept(feature: Callable[[onnx.ModelProto], None], tmp_path: Path) -> None:
    proto = plain_model()
    plain = proto.SerializeToString(deterministic=True)
    feature(proto)
    path = tmp_path / "in.onnx"
    path.write_bytes(proto.SerializeToString(deterministic=True))
    assert path.read_bytes() != plain
    (tmp_path / "values.bin").write_bytes(bytes(range(32)))
    (tmp_path / "out").mkdir()
    assert check(path, tmp_path / "out", 2) == 2


def test_every_model_of_onnx_is_kept(backend_models: list[Path], tmp_path: Path) -> None:
    assert sum(check(path, tmp_path, 1) for path in backend_models) > 2000
