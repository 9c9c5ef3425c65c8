"""Inferred types: as good as with the weights, in nested graphs too, and never an exception."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.model.document import Model, open_model
from graphdebug.model.records import ValueType
from graphdebug.model.shapes import infer, infer_types
from graphdebug.model.value_types import value_type
from tests.model.small_models import floats, model_proto

Opened = Callable[..., Model]


def test_leaving_the_weights_out_loses_nothing(backend_models: list[Path]) -> None:
    """Every static shape that onnx infers with all values at hand is inferred without the large ones."""
    compared = 0
    for path in backend_models:
        whole = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
        types = infer_types(open_model(path)).get("", {})
        for info in (*whole.graph.value_info, *whole.graph.output):
            expected = value_type(info.type)
            if expected.shape is not None and all(isinstance(dim, int) for dim in expected.shape):
                assert types[info.name] == expected, (path, info.name)
                compared += 1
    assert compared > 2000


def test_a_shape_that_lies_outside_the_protobuf_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.bin").write_bytes(np.array([6, -1], np.int64).tobytes())
    shape = onnx.TensorProto(name="s", data_type=7, dims=[2], data_location=onnx.TensorProto.EXTERNAL)
    shape.external_data.add(key="location", value="s.bin")
    proto = model_proto(
        [helper.make_node("Reshape", ["x", "s"], ["y"])], [floats("x", 2, 3, 4)], [floats("z")], [shape]
    )
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    assert infer_types(open_model(tmp_path / "m.onnx"))[""]["y"] == ValueType("float", (6, 4))


def test_nested_graphs_have_types_by_their_path_whatever_the_order(opened: Opened) -> None:
    branch = model_proto([helper.make_node("Transpose", ["a"], ["t"])], [], [floats("t", 3, "n")]).graph
    branch.output[0].type.Clear()
    nodes = [
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
        helper.make_node("Relu", ["x"], ["a"]),
    ]
    condition = helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    model = opened(nodes, [floats("x", "n", 3), condition], [floats("y", None, None)])
    types = infer_types(model)
    assert types["0.then_branch"]["t"] == ValueType("float", (3, "n"))
    assert types[""]["a"] == ValueType("float", ("n", 3))


def test_names_that_inference_makes_up_are_unknown_dimensions(opened: Opened) -> None:
    model = opened([helper.make_node("NonZero", ["x"], ["i"])], [floats("x", "unk__0", 3)], [floats("z")])
    assert infer_types(model)[""]["i"] == ValueType("int64", (2, None))
    relu = opened([helper.make_node("Relu", ["x"], ["i"])], [floats("x", "unk__0", 3)], [floats("z")])
    assert infer_types(relu)[""]["i"] == ValueType("float", ("unk__0", 3))


@pytest.mark.parametrize("broken", ["no opset", "unknown opset", "cycle", "bad weight", "unknown type", "empty names"])
def test_a_broken_model_gives_what_it_can(opened: Opened, broken: str) -> None:
    proto = model_proto([helper.make_node("Relu", ["x"], ["a"])], [floats("x", 2)], [floats("z")])
    if broken == "no opset":
        del proto.opset_import[:]
    elif broken == "unknown opset":
        proto.opset_import[0].version = 10**9
    elif broken == "cycle":
        proto.graph.node.append(helper.make_node("Add", ["b", "a"], ["b"]))
    elif broken == "bad weight":
        proto.graph.initializer.append(onnx.TensorProto(name="w", data_type=1, dims=[-1, 2**62], raw_data=bytes(9000)))
    elif broken == "unknown type":
        proto.graph.input[0].type.tensor_type.elem_type = 1000
    else:
        proto.graph.node.extend([onnx.NodeProto(), helper.make_node("", ["", ""], ["", ""])])
    types = infer(opened(proto)).types.get("", {})
    assert types.get("a", ValueType("float", (2,))) in (ValueType("float", (2,)), ValueType("", (2,)))


def test_inferred_types_join_the_declared_ones(opened: Opened) -> None:
    weight = numpy_helper.from_array(np.zeros((3, 5), np.float32), "w")
    model = opened(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [floats("x", "n", 3)], [floats("y", None, None)], [weight]
    )
    assert model.types[""]["y"] == ValueType("float", (None, None))
    known = model.with_types(infer_types(model)).types[""]
    assert known == {
        "x": ValueType("float", ("n", 3)),
        "w": ValueType("float", (3, 5)),
        "y": ValueType("float", ("n", 5)),
    }


def test_containers_keep_their_kind(opened: Opened) -> None:
    tensor = helper.make_tensor_type_proto(onnx.TensorProto.INT64, [2, "k"])
    optional = helper.make_value_info("o", helper.make_optional_type_proto(helper.make_sequence_type_proto(tensor)))
    mapping = helper.make_value_info("m", helper.make_map_type_proto(onnx.TensorProto.STRING, tensor))
    sparse = helper.make_sparse_tensor_value_info("s", onnx.TensorProto.FLOAT16, [4])
    types = opened([], [optional, mapping, sparse, onnx.ValueInfoProto(name="none")], []).types[""]
    assert types["o"] == ValueType("int64", (2, "k"), "optional")
    assert types["m"] == ValueType("int64", (2, "k"), "map")
    assert types["s"] == ValueType("float16", (4,), "sparse_tensor")
    assert "none" not in types
