"""Values: every element type, in every form of storage, against onnx's own reading."""

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from graphdebug.model.document import Model, open_model
from graphdebug.model.external import ExternalDataError
from graphdebug.model.tensors import TensorError, initializer_info, read_tensor
from graphdebug.model.value_types import dtype_name, dtype_number, stored_bytes
from graphdebug.model.walk import stored_tensors
from tests.model.small_models import model_proto

ELEMENT_TYPES = [number for name, number in onnx.TensorProto.DataType.items() if name not in ("UNDEFINED", "STRING")]


def sample(data_type: int, size: int) -> np.ndarray:
    """Return values of a type, integers from its lowest to its highest."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(data_type))
    random = np.random.default_rng(data_type)
    if dtype.kind == "c":
        return (random.normal(size=size) + 1j * random.normal(size=size)).astype(dtype)
    if "int" in dtype_name(data_type):
        info = ml_dtypes.iinfo(dtype)
        wide = np.int64 if info.min < 0 else np.uint64
        return random.integers(int(info.min), int(info.max), size, endpoint=True, dtype=wide).astype(dtype)
    return random.choice(np.array([0.5, 1, 2, 4], np.float32), size).astype(dtype)


def stored(tmp_path: Path, tensor: onnx.TensorProto) -> tuple[Model, onnx.TensorProto]:
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto([], [], [], [tensor]).SerializeToString())
    model = open_model(path)
    return model, model.proto.graph.initializer[0]


@pytest.mark.parametrize("data_type", ELEMENT_TYPES, ids=dtype_name)
@pytest.mark.parametrize("size", [7, 9001])
def test_raw_values_small_in_the_protobuf_and_large_in_the_file(tmp_path: Path, data_type: int, size: int) -> None:
    tensor = numpy_helper.from_array(sample(data_type, size), "w")
    assert stored_bytes(tensor) == len(tensor.raw_data)
    model, found = stored(tmp_path, tensor)
    assert (found.data_location == onnx.TensorProto.EXTERNAL) == (len(tensor.raw_data) >= 4096)
    values, expected = read_tensor(model, found), numpy_helper.to_array(tensor)
    assert values.dtype == expected.dtype
    assert values.shape == (size,)
    assert values.tobytes() == expected.tobytes()


@pytest.mark.parametrize("data_type", ELEMENT_TYPES, ids=dtype_name)
def test_external_values_at_an_odd_offset(tmp_path: Path, data_type: int) -> None:
    tensor = numpy_helper.from_array(sample(data_type, 35).reshape(5, 7), "w")
    expected = numpy_helper.to_array(tensor)
    (tmp_path / "w.bin").write_bytes(b"???" + tensor.raw_data + b"more")
    refer(tensor, "w.bin", 3, len(tensor.raw_data))
    model, found = stored(tmp_path, tensor)
    values = read_tensor(model, found)
    assert (values.dtype, values.shape) == (expected.dtype, (5, 7))
    assert values.tobytes() == expected.tobytes()
    assert initializer_info(model, "", "w").bytes == stored_bytes(tensor)


@pytest.mark.parametrize("data_type", ELEMENT_TYPES, ids=dtype_name)
def test_typed_values(tmp_path: Path, data_type: int) -> None:
    values = sample(data_type, 12).reshape(3, 4)
    as_numbers = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64).flatten().tolist()
    if values.dtype.kind in "iu":
        as_numbers = [int(value) for value in values.flatten()]
    tensor = helper.make_tensor("w", data_type, [3, 4], as_numbers)
    assert not tensor.HasField("raw_data")
    model, found = stored(tmp_path, tensor)
    assert read_tensor(model, found).tobytes() == numpy_helper.to_array(tensor).tobytes() == values.tobytes()


def refer(tensor: onnx.TensorProto, location: str, offset: object = None, length: object = None) -> onnx.TensorProto:
    """Make ``tensor`` external."""
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entries = {"location": location, "offset": offset, "length": length}
    for key, value in entries.items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return tensor


def test_every_stored_tensor_of_every_model_reads_as_onnx_reads_it(backend_models: list[Path]) -> None:
    count = 0
    for path in backend_models:
        model, whole = open_model(path), onnx.load(path, load_external_data=False)
        for ours, theirs in zip(stored_tensors(model.proto), stored_tensors(whole), strict=True):
            values, expected = read_tensor(model, ours.tensor), numpy_helper.to_array(theirs.tensor)
            assert values.shape == expected.shape, path
            assert values.tolist() == expected.tolist() or np.isnan(expected.astype(float)).any(), path
            count += 1
    assert count > 500


def test_strings_even_those_that_are_not_utf8(opened: Callable[..., Model]) -> None:
    tensor = onnx.TensorProto(
        name="w", data_type=onnx.TensorProto.STRING, dims=[2, 1], string_data=[b"a\xff", "ü".encode()]
    )
    model = opened([], [], [], [tensor])
    assert read_tensor(model, tensor).tolist() == [["a\ufffd"], ["ü"]]
    assert initializer_info(model, "", "w").bytes == 4


def test_a_slice_of_a_sparse_gigabyte_reads_only_what_it_covers(tmp_path: Path) -> None:
    rows = 1 << 18
    with (tmp_path / "w.bin").open("wb") as file:
        file.truncate(rows * 4096)
        file.seek((rows - 1) * 4096)
        file.write(np.arange(1024, dtype="<f4").tobytes())
    tensor = refer(onnx.TensorProto(name="w", data_type=1, dims=[rows, 1024]), "w.bin")
    model, found = stored(tmp_path, tensor)
    values = read_tensor(model, found)
    assert values.shape == (rows, 1024)
    assert values[-1].tolist() == list(range(1024))
    assert values[0, :3].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0] = 1


@pytest.mark.parametrize(
    "tensor",
    [
        onnx.TensorProto(name="w", data_type=1, dims=[3], raw_data=b"12345678"),
        onnx.TensorProto(name="w", data_type=1, dims=[1 << 40, 1 << 40], raw_data=b"1234"),
        onnx.TensorProto(name="w", data_type=1, dims=[-3], raw_data=b""),
        onnx.TensorProto(name="w", data_type=99, dims=[3], raw_data=b"123"),
        onnx.TensorProto(name="w", data_type=0, dims=[1], raw_data=b"1234"),
        onnx.TensorProto(name="w", data_type=1, dims=[3], float_data=[1.0]),
        onnx.TensorProto(name="w", data_type=1, dims=[1 << 62, 4]),
        onnx.TensorProto(name="w", data_type=1, dims=[0, 1 << 62, 1 << 62], raw_data=b""),
        onnx.TensorProto(name="w", data_type=22, dims=[9], int32_data=[1]),
        onnx.TensorProto(name="w", data_type=8, dims=[3], string_data=[b"a"]),
        onnx.TensorProto(
            name="w", data_type=6, dims=[1], int32_data=[1], segment=onnx.TensorProto.Segment(begin=0, end=9)
        ),
    ],
)
def test_values_that_do_not_fit_are_refused_in_a_sentence(
    opened: Callable[..., Model], tensor: onnx.TensorProto
) -> None:
    with pytest.raises(TensorError, match=r"^Tensor 'w' .*\.$"):
        read_tensor(opened([], [], [], [tensor]), tensor)


class TestExternalData:
    """What may be read, and what is refused before anything is read."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "model"
        (folder / "sub").mkdir(parents=True)
        (tmp_path / "secret.bin").write_bytes(b"s" * 400)
        for name in ("w.bin", "sub/w.bin"):
            (folder / name).write_bytes(bytes(range(256)) * 2)
        (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
        (folder / "inside.bin").symlink_to(folder / "w.bin")
        (folder / "linked").symlink_to(tmp_path)
        (folder / "hard.bin").hardlink_to(tmp_path / "secret.bin")
        return folder

    def read(self, folder: Path, *reference: object) -> np.ndarray:
        tensor = refer(onnx.TensorProto(name="w", data_type=1, dims=[4, 25]), *reference)  # 400 bytes
        path = folder / "m.onnx"
        path.write_bytes(model_proto([], [], [], [tensor]).SerializeToString())
        return read_tensor(open_model(path), tensor)

    @pytest.mark.parametrize("location", ["w.bin", "sub/w.bin", "./w.bin"])
    def test_plain_files_are_read(self, folder: Path, location: str) -> None:
        expected = np.frombuffer((bytes(range(256)) * 2)[4:404], "<f4").reshape(4, 25)
        assert self.read(folder, location, 4, 400).tobytes() == expected.tobytes()
        assert self.read(folder, location, 4).tobytes() == expected.tobytes()

    @pytest.mark.parametrize(
        "location",
        [
            "../secret.bin",
            "sub/../../secret.bin",
            "link.bin",
            "inside.bin",
            "linked/secret.bin",
            "hard.bin",
            "..\\x",
            "C:\\x",
        ],
    )
    def test_nothing_outside_the_folder_is_read(self, folder: Path, location: str) -> None:
        with pytest.raises(ExternalDataError) as refused:
            self.read(folder, location, 0, 400)
        assert refused.value.code == "external-data-escapes"

    def test_an_absolute_path_is_refused_even_into_the_folder(self, folder: Path) -> None:
        for location in (str(folder / "w.bin"), "/etc/passwd", "//x/y"):
            with pytest.raises(ExternalDataError) as refused:
                self.read(folder, location, 0, 400)
            assert refused.value.code == "external-data-escapes"

    @pytest.mark.parametrize(
        ("reference", "code"),
        [
            (("gone.bin", 0, 400), "external-data-missing"),
            (("sub", 0, 400), "external-data-missing"),
            (("w.bin/x", 0, 400), "external-data-missing"),
            (("w.bin\0.txt", 0, 400), "external-data-escapes"),
            (("w.bin", 200, 400), "external-data-out-of-range"),
            (("w.bin", 10**15, 400), "external-data-out-of-range"),
            (("w.bin", 0, 10**15), "external-data-out-of-range"),
            (("w.bin", 0, 399), "external-data-too-short"),
            (("w.bin", 200), "external-data-too-short"),
            (("w.bin", -4, 400), "external-data-malformed"),
            (("w.bin", 0, "4e2"), "external-data-malformed"),
            (("w.bin", "٣", 400), "external-data-malformed"),
            (("w.bin", 0, "9" * 5000), "external-data-malformed"),
            (("",), "external-data-malformed"),
            (("x" * 5000,), "external-data-missing"),
        ],
    )
    def test_references_that_lie_are_refused(self, folder: Path, reference: tuple[object, ...], code: str) -> None:
        with pytest.raises(ExternalDataError) as refused:
            self.read(folder, *reference)
        assert refused.value.code == code
        assert len(str(refused.value)) < 400

    @given(st.text(max_size=40), st.text(max_size=12), st.text(max_size=12))
    @settings(max_examples=200, deadline=None)
    def test_any_reference_is_read_or_refused(
        self, tmp_path_factory: pytest.TempPathFactory, location: str, offset: str, length: str
    ) -> None:
        model = Model(model_proto([], [], []), tmp_path_factory.getbasetemp() / "m.onnx")
        tensor = refer(onnx.TensorProto(name="w", data_type=1, dims=[4]), location, offset, length)
        with pytest.raises(ExternalDataError):
            read_tensor(model, tensor)


def test_names_and_numbers_of_element_types_agree_with_onnx() -> None:
    for name, number in onnx.TensorProto.DataType.items():
        if number:
            assert (dtype_name(number), dtype_number(name.lower())) == (name.lower(), number)
    assert (dtype_name(0), dtype_name(999), dtype_number("nope")) == ("", "", 0)
