"""Stripping and restoring, on every model there is and on bytes that lie."""

import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from graphdebug.model.document import Model, open_model, parse_model
from graphdebug.model.save import restore
from graphdebug.model.wire import NotAModel, Span, read_varint, strip
from tests.model.small_models import floats, model_proto


def restored(path: Path, threshold: int) -> tuple[bytes, int]:
    """Strip, parse, serialise and put the payloads back; return the bytes and how many payloads there were."""
    stripped = strip(path, threshold)
    pieces = restore(Model(parse_model(stripped.model, path.name), path), stripped.spans)
    file = path.read_bytes()
    whole = b"".join(
        file[piece.offset : piece.offset + piece.length] if isinstance(piece, Span) else piece for piece in pieces
    )
    return whole, len(stripped.spans)


@pytest.mark.parametrize("threshold", [0, 64])
def test_every_model_comes_back_byte_for_byte(backend_models: list[Path], threshold: int) -> None:
    payloads = 0
    for path in backend_models:
        original = path.read_bytes()
        whole, spans = restored(path, threshold)
        assert whole == onnx.ModelProto.FromString(original).SerializeToString(deterministic=True), path
        payloads += spans
    assert payloads > 100


def all_places() -> onnx.ModelProto:
    """Return a model with payloads in every place that can hold one."""
    big = np.arange(3000, dtype=np.float32)
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(big, "s"), numpy_helper.from_array(np.arange(3000)), [4000]
    )
    constant = helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(big + 1))
    branch = helper.make_graph([constant], "b", [], [floats("k", 3000)], [numpy_helper.from_array(big + 2, "u")])
    nodes = [
        helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch),
        helper.make_node("Constant", [], ["sc"], sparse_value=sparse),
        helper.make_node("Foo", [], ["q"], domain="x", many=[numpy_helper.from_array(big + 3)] * 2),
    ]
    function = helper.make_function("local", "F", [], ["k"], [constant], [helper.make_opsetid("", 17)])
    proto = model_proto(nodes, [], [floats("z", 3000)], [numpy_helper.from_array(big + 4, "w")], [function])
    proto.graph.sparse_initializer.append(sparse)
    proto.training_info.add().algorithm.initializer.append(numpy_helper.from_array(big + 5, "t"))
    return proto


def test_payloads_are_found_wherever_they_can_be(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(all_places().SerializeToString())
    whole, spans = restored(path, 4096)
    assert whole == path.read_bytes()
    # 2 branches × (constant, initializer), 2 sparse × (values, indices), 2 in a list, function, initializer, training
    assert spans == 4 + 4 + 2 + 1 + 1 + 1
    assert len(strip(path).model) < 5000


def test_an_explicit_default_location_is_said_again(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(np.zeros(2000, np.float32), "w")
    tensor.data_location = onnx.TensorProto.DEFAULT
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto([], [], [], [tensor]).SerializeToString())
    whole, spans = restored(path, 4096)
    assert spans == 1
    assert whole == path.read_bytes()


def varint(value: int, width: int = 0) -> bytes:
    """Return a varint, padded to ``width`` bytes as no proper writer would."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        more = value or len(out) + 1 < width
        out.append(low | (0x80 if more else 0))
        if not more:
            return bytes(out)


def field(number: int, value: bytes, width: int = 0) -> bytes:
    return varint(number << 3 | 2, width and 3) + varint(len(value), width) + value


@pytest.mark.parametrize("width", [0, 5])
def test_odd_but_legal_encodings_keep_their_meaning(tmp_path: Path, width: int) -> None:
    """Unknown fields and groups, fields out of order, initializers before nodes, overlong varints, split messages."""
    raw = np.arange(2048, dtype="<f4").tobytes()
    tensor = field(9, raw, width) + field(8, b"w", width) + varint(1 << 3) + varint(2048) + varint(2 << 3) + varint(1)
    tensor += field(77, b"unknown") + varint(78 << 3 | 3) + varint(5 << 3 | 5) + b"abcd" + varint(78 << 3 | 4)
    node = field(4, b"Relu") + field(2, b"y") + field(1, b"w")
    body = field(5, tensor, width) + field(1, node, width) + field(99, b"x" * 5000, width)
    model = field(7, body, width) + varint(1 << 3) + varint(8, 9) + field(7, field(2, b"late name")) + field(8, b"")
    path = tmp_path / "odd.onnx"
    path.write_bytes(model)
    whole, spans = restored(path, 4096)
    assert spans == 1
    assert whole == onnx.ModelProto.FromString(model).SerializeToString(deterministic=True)
    opened = open_model(path)
    assert opened.proto.graph.name == "late name"
    assert [node.op_type for node in opened.proto.graph.node] == ["Relu"]


@pytest.mark.parametrize(
    "tensor",
    [
        field(9, b"a" * 5000) + field(9, b"b" * 5000),
        field(9, b"a" * 5000) + field(13, field(1, b"location") + field(2, b"other")) + varint(14 << 3) + b"\x01",
        field(9, b"a" * 5000) + varint(14 << 3) + b"\x01",
    ],
    ids=["raw_data twice", "already external", "external without reference"],
)
def test_a_contradictory_tensor_is_left_alone(tmp_path: Path, tensor: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(varint(1 << 3) + b"\x08" + field(7, field(5, tensor)))
    assert strip(path).model == path.read_bytes()


def test_an_attribute_with_two_tensors_is_left_alone(tmp_path: Path) -> None:
    """protobuf merges the two, so a reference in one would stand beside the other's bytes."""
    attribute = field(1, b"value") + field(5, field(9, b"a" * 5000)) + field(5, field(9, b"b" * 5000))
    path = tmp_path / "m.onnx"
    path.write_bytes(varint(1 << 3) + b"\x08" + field(7, field(1, field(5, attribute))))
    assert strip(path).model == path.read_bytes()


def test_a_cut_short_model_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = all_places().SerializeToString()
    path = tmp_path / "cut.onnx"
    for end in [1, 2, 3, 10, *range(100, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:end])
        try:
            open_model(path)
        except NotAModel as error:
            assert str(error).startswith("cut.onnx") and str(error).endswith(".")
        else:
            onnx.ModelProto.FromString(whole[:end])  # cut between two fields: shorter, but a message


def test_lengths_that_lie_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lie.onnx"
    for length in (2**31, 2**40, 2**63, 2**64 - 1):
        for number in (7, 3, 99):
            path.write_bytes(varint(1 << 3) + b"\x08" + varint(number << 3 | 2) + varint(length) + b"x" * 9000)
            with pytest.raises(NotAModel, match=r"lie\.onnx .* damaged"):
                strip(path)


def test_deep_nesting_is_refused_not_followed(tmp_path: Path) -> None:
    graph = field(99, b"x" * 5000)
    for _ in range(2000):
        graph = field(1, field(5, field(6, graph)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(varint(1 << 3) + b"\x08" + field(7, graph))
    with pytest.raises(NotAModel, match="nested more than"):
        strip(path)
    path.write_bytes(varint(1 << 3) + b"\x08" + varint(99 << 3 | 3) * 100_000)
    with pytest.raises(NotAModel, match="nested more than"):
        strip(path)


def test_gigabytes_of_zeros_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "zeros.onnx"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(NotAModel, match="field number 0 at byte 0"):
        strip(path)


def test_a_file_beyond_protobufs_limit_opens(tmp_path: Path) -> None:
    """5 GB in two initializers inside one protobuf: no protobuf library reads it."""
    size, path = 5 << 29, tmp_path / "huge.onnx"
    with path.open("wb") as file:
        head = varint(1 << 3) + b"\x08"
        tensors = [
            varint(1 << 3) + varint(size // 4) + varint(2 << 3) + b"\x01" + field(8, name) for name in (b"a", b"b")
        ]
        raw = varint(9 << 3 | 2) + varint(size)
        body = sum(len(varint(5 << 3 | 2) + varint(n := len(t + raw) + size)) + n for t in tensors)
        file.write(head + varint(7 << 3 | 2) + varint(body))
        for tensor in tensors:
            file.write(varint(5 << 3 | 2) + varint(len(tensor + raw) + size) + tensor + raw)
            file.seek(size, 1)
        file.truncate()
        file.flush()
    model = open_model(path)
    assert [tensor.name for tensor in model.proto.graph.initializer] == ["a", "b"]
    assert strip(path).model == model.proto.SerializeToString() or len(strip(path).spans) == 2


@given(st.binary(max_size=300))
@settings(max_examples=400, deadline=None)
def test_random_bytes_are_refused_or_opened_never_worse(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.onnx"
    path.write_bytes(data)
    try:
        model = open_model(path)
    except NotAModel as error:
        assert str(error).count("\n") == 0
    else:
        assert model.proto.HasField("graph")


@given(st.integers(0, 2**64 - 1), st.integers(0, 10))
def test_varints_of_any_width(value: int, width: int) -> None:
    assert read_varint(varint(value, width), 0, 20 if width > 10 else len(varint(value, width)))[0] == value


def test_fixed_width_fields_are_stepped_over(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    numbers = varint(50 << 3 | 1) + struct.pack("<d", 1.5) + varint(51 << 3 | 5) + struct.pack("<f", 2.5)
    path.write_bytes(varint(1 << 3) + b"\x08" + numbers + field(7, field(5, field(9, b"r" * 5000))))
    stripped = strip(path)
    assert [span.length for span in stripped.spans] == [5000]
    assert numbers in stripped.model
