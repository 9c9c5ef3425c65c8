"""Opening: what is no model is refused in a sentence, what is a broken one opens."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.model.document import Model, NotAModel, open_model
from graphdebug.model.records import ModelLocation, ValueInfo, ValueType
from graphdebug.model.save import save
from graphdebug.model.wire import header, strip
from tests.model.small_models import floats, model_proto


def zipped() -> bytes:
    """Return a zip archive that holds a file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.onnx", b"x" * 100)
    return buffer.getvalue()


def length_delimited(number: int, value: bytes) -> bytes:
    return header(number, len(value)) + value


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(200)), "PNG image"),
        (zipped(), "zip archive"),
        (gzip.compress(b"x" * 100, mtime=0), "gzip"),
        (b"\x7fELF" + bytes(100), "program"),
        (b"import onnx\nprint('hello')\n" * 10, "not an ONNX model"),
        (b"<!doctype html><html><body>404</body></html>", "HTML"),
        (b'{"a": [1, 2, 3]}', "not an ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\x20\x00\x00\x00ORTM" + bytes(100), "ORT format"),
        (numpy_helper.from_array(np.arange(5000.0), "w").SerializeToString(), "not an ONNX model"),
        (model_proto([], [], []).graph.SerializeToString(), "not an ONNX model"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "no graph"),
        (onnx.ModelProto(graph=onnx.GraphProto(name="g")).SerializeToString(), "neither an IR version"),
        (np.random.default_rng(0).bytes(100_000), "not an ONNX model"),
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "file.onnx"
    path.write_bytes(content)
    with pytest.raises(NotAModel) as refused:
        open_model(path)
    message = str(refused.value)
    assert message.startswith("file.onnx ")
    assert says in message
    assert message.endswith(".")
    assert "\n" not in message


def test_nesting_beyond_protobuf_is_refused(tmp_path: Path) -> None:
    graph = onnx.GraphProto(name="g").SerializeToString()
    for _ in range(45):
        graph = length_delimited(1, length_delimited(5, length_delimited(6, graph)))  # node, attribute, g
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x08" + length_delimited(7, graph))
    with pytest.raises(NotAModel, match=r"deep\.onnx is not an ONNX model"):
        open_model(path)


def test_a_model_full_of_nonsense_opens(opened: Callable[..., Model]) -> None:
    nodes = [
        helper.make_node("", ["", "nowhere"], ["", "a"]),
        helper.make_node("Nope", ["a"], ["a"], domain="no.where", odd=3),
    ]
    initializers = [onnx.TensorProto(name="w", dims=[-1, 2**62], data_type=99)]
    model = opened(nodes, [floats("x", 2), floats("x", 3)], [floats("missing")], initializers, opsets=[("", 999)])
    assert model.graphs[""].names == ["_0", "Nope_1"]
    assert model.types[""]["w"] == ValueType("", (-1, 2**62))


def test_strings_that_are_not_utf8_are_made_readable_and_saved_as_they_were(tmp_path: Path) -> None:
    proto = model_proto(
        [helper.make_node("Relu", ["XXXX"], ["YYYY"], name="NNNN")], [floats("XXXX", 1)], [floats("YYYY", 1)]
    )
    data = (
        proto.SerializeToString()
        .replace(b"XXXX", b"\xffabc")
        .replace(b"YYYY", b"\xfeabc")
        .replace(b"NNNN", b"\xc3\x28nn")
    )
    path, copy = tmp_path / "m.onnx", tmp_path / "copy.onnx"
    path.write_bytes(data)
    model = open_model(path)
    index = model.graphs[""]
    assert (index.inputs, index.outputs, index.names) == (["\\xffabc"], ["\\xfeabc"], ["\\xc3(nn"])
    assert index.consumers == {"\\xffabc": [(0, 0)]}
    save(model, copy)
    assert copy.read_bytes() == data


def test_every_model_opens_and_every_graph_indexes(backend_models: list[Path]) -> None:
    nested = 0
    for path in backend_models:
        model = open_model(path)
        for graph in model.graphs:
            index = model.graphs[graph]
            assert sorted(index.order) == list(range(len(index.nodes)))
            assert len(index.names) == len(index.nodes)
            assert index.path == graph
            nested += graph != ""
        assert set(model.types[""]) >= set(model.graphs[""].inputs)
    assert nested > 50


def test_a_skeleton_opens_without_the_file_and_brings_its_types(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    proto = model_proto([helper.make_node("MatMul", ["x", "w"], ["y"])], [floats("x", 2, 64)], [floats("y")], [weights])
    path, folder = tmp_path / "m.onnx", tmp_path / "opened"
    path.write_bytes(proto.SerializeToString())
    folder.mkdir()
    (folder / "skeleton.onnx").write_bytes(strip(path).model)
    inferred = {"": [ValueInfo("y", ValueType("float", (2, 64)))]}
    (folder / "types.json").write_bytes(msgspec.json.encode(inferred))
    model = open_model(ModelLocation(str(path), str(folder / "skeleton.onnx")))
    assert model.path == path
    assert model.types[""]["y"] == ValueType("float", (2, 64))
    assert model.types[""]["x"] == ValueType("float", (2, 64))
    assert open_model(path).types[""]["y"] == ValueType("float", ())
