"""Tensors recorded elsewhere: every form is read, what we write is read again, hostile files are refused in a sentence.

``polygraphy/`` was written by Polygraphy 0.53.6: ``polygraphy run model.onnx --onnxrt --iterations 2 --save-outputs
results.json --save-inputs inputs.json`` (then the runner's name was cut).
"""

import base64
import io
import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import numpy_helper

from graphdebug.compare.engine import compare_job
from graphdebug.compare.records import CompareRequest, Side, Status
from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime import polygraphy
from graphdebug.runtime.backend import BackendError, Mode
from graphdebug.runtime.recorded import Form, Recorded, open_recorded, written
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.store import ArrayReader, ArrayWriter, StoreError
from tests.runtime import small_models as models

POLYGRAPHY = Path(__file__).parent / "polygraphy"
ONNX_DATA = Path(onnx.backend.test.__file__).parent / "data" / "simple"


def npy(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def results(payload: bytes | str, key: str = "array") -> dict[str, Any]:
    text = payload if isinstance(payload, str) else base64.b64encode(payload).decode()
    return {"lst": [["r", [{"outputs": {"y": {"values": {key: text}}}}]]]}


def put(path: Path, form: Form, tensors: Recorded, feeds: Recorded, **more: Any) -> Path:
    path.mkdir()
    for name, blocks in written(form, tensors, feeds, **more).items():
        (path / name).write_bytes(b"".join(blocks))
    return path


def stored(path: Path, **arrays: Any) -> ArrayReader:
    with ArrayWriter(path) as writer:
        for name, array in arrays.items():
            writer.write(name, array)
    return ArrayReader(path)


@pytest.mark.parametrize("iteration", [0, 1])
def test_what_polygraphy_recorded_matches_our_run_on_the_inputs_it_recorded(iteration: int, tmp_path: Path) -> None:
    inputs = json.loads((POLYGRAPHY / "inputs.json").read_text())
    (tmp_path / "in.json").write_text(json.dumps(inputs[iteration]))  # as in a folder with a file for each iteration
    model = ModelLocation(str(POLYGRAPHY / "model.onnx"))
    request = CompareRequest(
        Side(f"file:path={POLYGRAPHY / 'results.json'},runner=onnxrt,iteration={iteration}", model),
        Side("onnxruntime", model),
        feeds=FeedSpec(dataset=str(tmp_path / "in.json")),
    )
    rows = {row.name: row for row in compare_job(request, tmp_path, lambda share, message: None).rows}
    assert (rows["y"].status, rows["shape"].status) == (Status.MATCH, Status.MATCH)
    assert rows["product"].reason == "not recorded in the reference"
    other = CompareRequest(request.reference, request.candidate, feeds=FeedSpec(seed=5))
    rows = {row.name: row for row in compare_job(other, tmp_path, lambda share, message: None).rows}
    assert rows["y"].status == Status.DIFFER


def test_a_folder_with_a_file_for_each_iteration(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number:010d}.json").write_text(json.dumps(results(npy(np.full(2, number)))))
    assert open_recorded(tmp_path, iteration=2).read("y").tolist() == [2, 2]
    with pytest.raises(StoreError, match="has 3 iterations, there is no number 3"):
        open_recorded(tmp_path, iteration=3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no JSON of Polygraphy's"),
        ("{}[", "no JSON of Polygraphy's"),
        ("[" * 100_000, "no JSON of Polygraphy's"),
        ('{"lst": [["r", [{"outputs": {"y": {"values": ' + '{"values": ' * 100_000, "no JSON of Polygraphy's"),
        (json.dumps(results("%%%")), "'y' in r.json cannot be read"),
        (json.dumps(results(b"no npy")), "'y' in r.json cannot be read"),
        (json.dumps(results(npy(np.ones(4))[:-1])), "do not fit its shape"),
        (json.dumps(results(b"x", "tensor")), "is a pickle and is not opened"),
        (json.dumps({"lst": []}), "no runner"),
        (json.dumps({"lst": [["r", []]]}), "0 iterations"),
    ],
)
def test_broken_and_hostile_json_is_refused_in_a_sentence(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(StoreError, match=said):
        open_recorded(tmp_path / "r.json").read("y")


def test_nothing_is_unpickled_and_nothing_unpacks_to_more_than_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polygraphy, "_LARGEST_UNPACKED", 1 << 20)
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], object), allow_pickle=True)
    huge = npy(np.ones(1)).replace(b"(1,), }" + b" " * 13, b"(99999999999999,), }")
    bomb = io.BytesIO()
    np.savez_compressed(bomb, np.zeros(1 << 18))
    for payload, said in (
        (pickled.getvalue(), "never unpickled"),
        (huge, "do not fit"),
        (bomb.getvalue(), "more than 2 GB"),
    ):
        (tmp_path / "r.json").write_text(json.dumps(results(payload)))
        with pytest.raises(StoreError, match=said):
            open_recorded(tmp_path / "r.json").read("y")


def test_an_npz_in_the_json_as_early_versions_wrote_it(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, np.arange(3))
    (tmp_path / "r.json").write_text(json.dumps(results(file.getvalue())))
    assert open_recorded(tmp_path / "r.json").read("y").tolist() == [0, 1, 2]


def test_test_data_of_onnx_is_named_by_the_models_order() -> None:
    folder = ONNX_DATA / "test_sequence_model4"
    model = open_model(folder / "model.onnx")
    recorded = open_recorded(folder, model)
    inputs = [value.name for value in model.proto.graph.input]
    outputs = [value.name for value in model.proto.graph.output]
    assert list(recorded.names) == [*inputs, *outputs]
    session = backend("onnxruntime").prepare(model, Mode.PLAIN)
    found = session.infer({name: recorded.read(name) for name in inputs}, outputs)
    assert np.array_equal(found[outputs[0]], recorded.read(outputs[0]))
    with pytest.raises(BackendError, match="has no test_data_set_9"):
        backend(f"file:path={folder},iteration=9").prepare(model, Mode.PLAIN)
    assert list(open_recorded(folder / "test_data_set_0").names)[-1:]  # without a model: as the tensors are called


def test_test_data_that_is_broken_names_its_file(tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "output_0.pb").write_bytes(b"\xff" * 20)
    with pytest.raises(BackendError, match=r"output_0\.pb cannot be read: it holds no TensorProto"):
        backend(f"file:path={tmp_path / 'd'}").prepare(model, Mode.PLAIN).infer({}, ["y"])
    outside = onnx.TensorProto(dims=[4], data_type=1, data_location=onnx.TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="../secret")
    (tmp_path / "d" / "output_0.pb").write_bytes(outside.SerializeToString())
    with pytest.raises(BackendError, match="not allowed"):
        backend(f"file:path={tmp_path / 'd'}").prepare(model, Mode.PLAIN).infer({}, ["y"])


NAMES = ("/conv/Conv_output_0", "..", "a:b", ".hidden", "A", "a", "graphdebug.json", "ünïcode", "x" * 300)


def test_a_folder_of_npy_keeps_any_name_and_every_type(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {name: np.arange(position + 1) for position, name in enumerate(NAMES)}
    arrays["half"] = np.array([1.5, -2], ml_dtypes.bfloat16)
    tensors = stored(tmp_path / "t.npz", **arrays)
    folder = put(tmp_path / "out", Form.NPY, tensors, tensors)
    files = [file.name for file in folder.iterdir()]
    assert len({name.lower() for name in files}) == len(arrays) + 1
    assert not any(set('/\\:*?"<>|') & set(name) or name.startswith(".") for name in files)
    again = open_recorded(folder)
    for name, array in arrays.items():
        assert again.read(name).dtype == array.dtype
        assert np.array_equal(again.read(name), array)
    assert np.load(folder / "half.npy").tolist() == [1.5, -2]  # anyone else reads it wider


@pytest.mark.parametrize("transposed", [False, True])
def test_json_that_we_write_is_read_again(transposed: bool, tmp_path: Path) -> None:
    big = np.random.default_rng(0).standard_normal((1237, 1013), np.float32)
    big = big.T if transposed else big
    tensors = stored(tmp_path / "t.npz", **{'q"\\\n': big, "n": np.array(3), "s": np.array(["é", "b"])})
    folder = put(tmp_path / "out", Form.POLYGRAPHY, tensors, stored(tmp_path / "f.npz", x=np.ones(3)))
    again = open_recorded(folder / "outputs.json")
    assert list(again.names) == ['q"\\\n', "n", "s"]
    assert np.array_equal(again.read('q"\\\n'), big)
    assert (again.read("n").shape, again.read("s").tolist()) == ((), ["é", "b"])
    assert open_recorded(folder / "inputs.json").read("x").tolist() == [1, 1, 1]
    shape = json.loads((folder / "outputs.json").read_text())
    expected = json.loads((POLYGRAPHY / "results.json").read_text())
    assert shape.keys() == expected.keys()
    assert shape["lst"][0][1][0].keys() == expected["lst"][0][1][0].keys()
    assert shape["lst"][0][1][0]["outputs"]["n"].keys() == expected["lst"][0][1][0]["outputs"]["y"].keys()


def test_test_data_that_we_write_is_what_onnx_reads(tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    feeds, tensors = (
        stored(tmp_path / "f.npz", x=np.ones((1, 64), np.float32)),
        stored(tmp_path / "t.npz", y=np.ones(2)),
    )
    folder = put(tmp_path / "out", Form.ONNX, tensors, feeds, model=model)
    assert sorted(file.name for file in folder.iterdir()) == ["input_0.pb", "output_0.pb"]
    proto = onnx.load_tensor(folder / "output_0.pb")
    assert (proto.name, numpy_helper.to_array(proto).tolist()) == ("y", [1, 1])
    with pytest.raises(StoreError, match="'y' was not recorded"):
        written(Form.ONNX, feeds, feeds, model)
