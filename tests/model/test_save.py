"""Saving: the same bytes, or different only where edited."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.model.document import Model, open_model
from graphdebug.model.external import ExternalDataError
from graphdebug.model.save import external_files, save
from graphdebug.model.tensors import read_tensor
from tests.model.small_models import floats, model_proto


def weighted() -> onnx.ModelProto:
    weights = [numpy_helper.from_array(np.full((40, 40), i, np.float32), f"w{i}") for i in range(3)]
    weights[1].data_location = onnx.TensorProto.DEFAULT
    weights[2].doc_string = "behind the values"
    weights.append(helper.make_tensor("typed", 1, [1600], np.arange(1600.0).tolist()))
    node = helper.make_node("MatMul", ["x", "w0"], ["y"], name="product")
    return model_proto([node], [floats("x", 2, 40)], [floats("y", 2, 40)], weights)


def test_every_unedited_model_is_saved_as_it_was(backend_models: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "saved.onnx"
    for path in backend_models:
        save(open_model(path), target)
        assert target.read_bytes() == path.read_bytes(), path
    assert list(tmp_path.iterdir()) == [target]


def test_an_edit_changes_nothing_else(opened: Callable[..., Model], tmp_path: Path) -> None:
    model, expected = opened(weighted()), weighted()
    for proto in (model.proto, expected):
        proto.graph.node[0].name = "renamed"
        del proto.graph.initializer[0]
        proto.metadata_props.add(key="k", value="v")
    save(model, tmp_path / "edited.onnx")
    assert (tmp_path / "edited.onnx").read_bytes() == expected.SerializeToString()
    assert "w1" in open_model(tmp_path / "edited.onnx").graphs[""].initializers


def test_saving_over_the_file_itself(opened: Callable[..., Model]) -> None:
    model, expected = opened(weighted()), weighted()
    save(model, model.path)
    assert model.path.read_bytes() == expected.SerializeToString()
    model.proto.doc_string = expected.doc_string = "edited"
    save(model, model.path)
    assert model.path.read_bytes() == expected.SerializeToString()


def test_a_tensor_may_point_at_any_part_of_the_file(opened: Callable[..., Model], tmp_path: Path) -> None:
    """An editor may slice a payload, or use it twice, by reference only."""
    model = opened(weighted())
    tensor = onnx.TensorProto()
    tensor.CopyFrom(model.proto.graph.initializer[2])
    offset = next(int(entry.value) for entry in tensor.external_data if entry.key == "offset")
    tensor.name, tensor.dims[:] = "part", [10]
    del tensor.external_data[:]
    for key, value in {"location": model.path.name, "offset": offset + 4, "length": 40}.items():
        tensor.external_data.add(key=key, value=str(value))
    model.proto.graph.initializer.append(tensor)
    save(model, tmp_path / "edited.onnx")
    part = onnx.load(tmp_path / "edited.onnx").graph.initializer[-1]
    assert numpy_helper.to_array(part).tolist() == [2.0] * 10
    assert part.data_location == onnx.TensorProto.DEFAULT


def test_a_reference_beyond_the_file_is_an_error_and_leaves_nothing(
    opened: Callable[..., Model], tmp_path: Path
) -> None:
    model, target = opened(weighted()), tmp_path / "out" / "edited.onnx"
    target.parent.mkdir()
    target.write_bytes(b"as it was")
    model.proto.graph.initializer[0].external_data[1].value = "999999999"
    with pytest.raises(ExternalDataError):
        save(model, target)
    assert target.read_bytes() == b"as it was"
    assert list(target.parent.iterdir()) == [target]


class TestExternalFiles:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Model:
        folder = tmp_path / "from"
        folder.mkdir()
        onnx.save(
            weighted(), folder / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=1000
        )
        return open_model(folder / "m.onnx")

    def test_they_go_along_and_stay_external(self, model: Model, tmp_path: Path) -> None:
        assert external_files(model) == ("weights.bin",)
        for edit, name in ((False, "same"), (True, "edited")):
            (tmp_path / name).mkdir()
            if edit:
                model.proto.graph.node[0].name = "renamed"
            save(model, tmp_path / name / "m.onnx")
            assert (tmp_path / name / "weights.bin").read_bytes() == (model.path.parent / "weights.bin").read_bytes()
            again = open_model(tmp_path / name / "m.onnx")
            assert read_tensor(again, again.graphs[""].initializers["w2"])[0, 0] == 2
            assert again.graphs[""].initializers["w2"].data_location == onnx.TensorProto.EXTERNAL
        assert (tmp_path / "same" / "m.onnx").read_bytes() == model.path.read_bytes()

    def test_another_file_in_the_way_is_not_overwritten(self, model: Model, tmp_path: Path) -> None:
        (tmp_path / "to").mkdir()
        (tmp_path / "to" / "weights.bin").write_bytes(b"mine")
        with pytest.raises(FileExistsError):
            save(model, tmp_path / "to" / "m.onnx")
        assert [path.name for path in (tmp_path / "to").iterdir()] == ["weights.bin"]
        assert (tmp_path / "to" / "weights.bin").read_bytes() == b"mine"

    def test_a_file_from_outside_does_not_go_along(self, model: Model, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"s" * 100_000)
        for tensor in model.proto.graph.initializer:
            if tensor.external_data:
                tensor.external_data[0].value = "../secret"
        (tmp_path / "to").mkdir()
        save(model, tmp_path / "to" / "m.onnx")
        assert external_files(model) == ()
        assert [path.name for path in (tmp_path / "to").iterdir()] == ["m.onnx"]
