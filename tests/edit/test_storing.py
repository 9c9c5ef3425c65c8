"""Where values lie in the saved model: in it, or in files beside it; and that none of them are held for it."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.edit.errors import EditError
from graphdebug.edit.initializers import SetValues
from graphdebug.edit.operation import edited
from graphdebug.edit.storing import MakeExternal, MakeInline
from graphdebug.model.document import Model, open_model
from graphdebug.model.external import SAVE_TO, ExternalDataError
from graphdebug.model.save import save
from graphdebug.model.tensors import read_tensor
from tests.edit.running import outputs, sample_names, serialised, tried

Opened = Callable[[str], Model]
ROOT = Path(__file__).parents[2]
SOME = 1 << 19
"""Floats of 2 MB: large enough for a file of their own."""


def weights_model(folder: Path, count: int = SOME, external: str = "") -> Model:
    """Write a model that adds up two weights, in a new folder; the values may stand in another (sparse) file."""
    folder.mkdir(exist_ok=True)
    tensors = [
        numpy_helper.from_array(np.full(count, value, np.float32), name)
        for name, value in zip("ab", (1, 2), strict=True)
    ]
    node = helper.make_node("Add", ["a", "b"], ["y"])
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", 1, [count])], tensors)
    proto = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20)])
    onnx.save(
        proto, folder / "model.onnx", save_as_external_data=bool(external), location=external or None, size_threshold=0
    )
    return open_model(folder / "model.onnx")


def is_external(path: Path) -> list[bool]:
    tensors = onnx.load(path, load_external_data=False).graph.initializer
    return [tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors]


@pytest.mark.parametrize("sample", sample_names())
def test_there_and_back(sample: str, opened: Opened, tmp_path: Path) -> None:
    model, beside = opened(sample), tmp_path / "beside"
    beside.mkdir()
    expected = outputs(model, tmp_path)
    after = tried(model, MakeExternal(file="weights.data"))
    found = outputs(after.model, beside)
    assert all(np.array_equal(found[name], expected[name], equal_nan=True) for name in expected)
    moved = any(is_external(beside / "edited.onnx"))
    assert (beside / "weights.data").exists() == moved
    assert ("will stand in" if moved else "No initializer") in after.notes[0]
    assert serialised(tried(after.model, MakeInline()).model) == serialised(model)
    back = tried(open_model(beside / "edited.onnx"), MakeInline()).model
    save(back, tmp_path / "back.onnx")
    assert not any(is_external(tmp_path / "back.onnx")) and not (tmp_path / "weights.data").exists()
    whole, again = onnx.load(model.path).graph.initializer, onnx.load(tmp_path / "back.onnx").graph.initializer
    for one, other in zip(whole, again, strict=True):
        assert np.array_equal(numpy_helper.to_array(one), numpy_helper.to_array(other), equal_nan=True)


def test_typed_values_and_those_in_branches_go_too(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20]> typed (bool c) => (float[2] y) <float[2] w = {1, 2}> {
            y = If (c) < then_branch = t () => (float[2] a) <float[2] v = {3, 4}> { a = Add (v, w) },
                         else_branch = e () => (float[2] b) { b = Neg (w) } >
        }"""
    )
    after = tried(model, MakeExternal(file="w.data", larger_than=7)).model
    feeds = {"c": np.array(True)}
    assert outputs(after, tmp_path, feeds)["y"].tolist() == [4, 6]
    assert (tmp_path / "w.data").stat().st_size == 4096 + 8


@pytest.mark.parametrize("external", ["", "old.data"])
def test_new_values_go_where_the_model_has_its_own(external: str, tmp_path: Path) -> None:
    values, out = tmp_path / "values", tmp_path / "out"
    values.mkdir()
    out.mkdir()
    model = replace(weights_model(tmp_path / "in", external=external), values=values)
    np.save(tmp_path / "new.npy", np.full(SOME, 5, np.float32))
    after = tried(model, SetValues(initializer="b", file="new.npy"), tmp_path).model
    assert len(list(values.iterdir())) == 1
    for _ in range(2):
        assert (outputs(after, out)["y"] == 6).all()
    files = sorted(path.name for path in out.iterdir())
    assert is_external(out / "edited.onnx") == [bool(external)] * 2
    assert len(files) == (3 if external else 1) and (not external or "old.data" in files)
    again = open_model(out / "edited.onnx")
    assert read_tensor(again, again.graphs[""].initializers["b"])[-1] == 5
    inline = tried(after, MakeInline()).model
    save(inline, tmp_path / "inline.onnx")
    assert not any(is_external(tmp_path / "inline.onnx"))
    assert numpy_helper.to_array(onnx.load(tmp_path / "inline.onnx").graph.initializer[1])[0] == 5


@pytest.mark.parametrize("name", ["", "..", "../w", "/w", "a/b", ".w", "model.onnx", "old.data", "C:\\w"])
def test_a_file_must_be_a_new_one_beside_the_model(name: str, tmp_path: Path) -> None:
    model = weights_model(tmp_path / "in", 4, external="old.data")
    with pytest.raises(EditError, match=r"is no name for a file beside|is a file of the model already"):
        edited(model, MakeExternal(file=name))


def test_what_is_in_the_way_stays(tmp_path: Path) -> None:
    model = weights_model(tmp_path / "in", 400)
    after = edited(model, MakeExternal(file="w.data")).model
    (tmp_path / "w.data").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"w\.data is in the way"):
        save(after, tmp_path / "out.onnx")
    with pytest.raises(ExternalDataError, match=r"'w\.data' is a file of the model"):
        save(after, tmp_path / "w.data")
    assert (tmp_path / "w.data").read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "w.data"]


def test_a_model_cannot_say_itself_where_its_values_go(tmp_path: Path) -> None:
    model = weights_model(tmp_path / "in", 4)
    model.proto.graph.initializer[0].external_data.add(key=SAVE_TO, value="stolen")
    model.path.write_bytes(model.proto.SerializeToString())
    hostile = open_model(model.path)
    save(hostile, tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == model.path.read_bytes()
    hostile.proto.doc_string = "edited"
    with pytest.raises(ExternalDataError, match="says where its values go"):
        save(hostile, tmp_path / "out.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "same.onnx"]


def test_more_than_two_gigabytes_do_not_fit_into_one_file(tmp_path: Path) -> None:
    model = weights_model(tmp_path / "in", 4, external="old.data")
    for tensor in model.proto.graph.initializer:
        tensor.dims[:] = [1 << 28]
        tensor.external_data[1].value, tensor.external_data[2].value = "0", str(1 << 30)
    with (tmp_path / "in" / "old.data").open("ab") as file:
        file.truncate(1 << 30)
    with pytest.raises(EditError, match=r"The model would take 2.1\d GB"):
        edited(model, MakeInline())
    for tensor in model.proto.graph.initializer:
        tensor.external_data.add(key=SAVE_TO, value="")
    with pytest.raises(ExternalDataError, match=r"larger than 2\.15 GB"):
        save(model, tmp_path / "out.onnx")


MEASURED = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from graphdebug.edit.initializers import CastInitializer
from graphdebug.edit.operation import edited
from graphdebug.edit.storing import MakeExternal, MakeInline
from graphdebug.edit.pruning import ShareDuplicates
from graphdebug.model.document import open_model
from graphdebug.model.save import save

folder = Path(sys.argv[1])
steps = {
    "inline": (MakeInline(),),
    "beside": (MakeExternal(file="beside.data"),),
    "half": (CastInitializer(initializer="b", to="float16"), ShareDuplicates()),
}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
at = folder / "in" / "model.onnx"
for name, operations in steps.items():
    model = replace(open_model(at), values=folder / "values")
    at = folder / f"{name}.onnx"
    save(edited(model, *operations).model, at)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_no_weights_are_held(tmp_path: Path) -> None:
    count = 24 << 20
    model = weights_model(tmp_path / "in", 4, external="old.data")
    for tensor in model.proto.graph.initializer:
        tensor.dims[:] = [count]
        tensor.external_data[1].value, tensor.external_data[2].value = "0", str(4 * count)
    model.proto.graph.output[0].type.tensor_type.shape.dim[0].dim_value = count
    model.path.write_bytes(model.proto.SerializeToString())
    with (tmp_path / "in" / "old.data").open("ab") as file:
        file.truncate(4 * count)
    (tmp_path / "values").mkdir()
    done = subprocess.run([sys.executable, "-c", MEASURED, tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "inline.onnx").stat().st_size > 8 * count
    assert (tmp_path / "beside.onnx").stat().st_size < 4096 < 8 * count <= (tmp_path / "beside.data").stat().st_size
    assert is_external(tmp_path / "half.onnx") == [True, True]
    assert int(done.stdout) < 32 << 10, f"{done.stdout} kB for a model of {8 * count >> 10} kB"
