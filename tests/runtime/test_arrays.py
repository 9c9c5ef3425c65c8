"""Arrays on disk: what is written is read back, by us and by NumPy, and nothing else is touched."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphdebug.runtime import store
from graphdebug.runtime.store import INDEX_MEMBER, ArrayReader, ArrayWriter, StoreError

NUMBERS = [
    *(np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
    *(np.float16, np.float32, np.float64, np.complex64, np.complex128),
]
NARROW = [
    *("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
    *("float4_e2m1fn", "int4", "uint4", "int2", "uint2"),
]
names = st.text(min_size=0, max_size=30) | st.sampled_from(
    ["../../etc/passwd", "/layer/Conv_output_0", "a\\b", "a\0b", "x" * 5000, "é" * 200, INDEX_MEMBER[:-4], "..", "con"]
)


def write(path: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> dict[str, str]:
    with ArrayWriter(path) as writer:
        return {name: writer.write(name, array)[0] for name, array in arrays.items()}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    arrays = data.draw(
        st.dictionaries(
            names,
            hnp.arrays(st.sampled_from(NUMBERS), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)),
            max_size=4,
        )
    )
    write(path, arrays)
    reader = ArrayReader(path)
    assert list(reader.names) == list(arrays)
    for name, array in arrays.items():
        found = reader.read(name)
        assert found.dtype == array.dtype
        assert found.shape == array.shape
        assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("name", NARROW)
def test_types_that_numpy_lacks_come_back_exactly(name: str, tmp_path: Path) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name))
    array = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float32).astype(dtype).reshape(16, 16)
    with ArrayWriter(tmp_path / "a.npz") as writer:
        _, note = writer.write("x", array)
    assert name in note
    found = ArrayReader(tmp_path / "a.npz").read("x")
    assert found.dtype == dtype
    assert np.array_equal(found.astype(np.float64), array.astype(np.float64), equal_nan=True)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as plain:
        assert plain["x"].dtype in (np.float32, np.int8, np.uint8)


def test_numpy_reads_them_under_the_tensors_names(tmp_path: Path) -> None:
    arrays = {"/encoder/layer.0/Add_output_0": np.arange(6.0).reshape(2, 3), "x:0": np.array(3)}
    write(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert sorted(found.files) == sorted(arrays)
        for name, array in arrays.items():
            assert np.array_equal(found[name], array)


def test_hostile_names_do_not_leave_the_folder_and_stay_apart(tmp_path: Path) -> None:
    hostile = ["../../x", "..", "a/../../b", "a\\..\\b", "new\nline", "", "x" * 3000, "x" * 3001]
    members = write(tmp_path / "a.npz", {name: np.array([number]) for number, name in enumerate(hostile)})
    assert len(set(members.values())) == len(hostile)
    for member in members.values():
        assert ".." not in member.split("/")
        assert member.isprintable()
        assert "\\" not in member
        assert len(member) < 255
    reader = ArrayReader(tmp_path / "a.npz")
    assert [int(reader.read(name)[0]) for name in hostile] == list(range(len(hostile)))


def test_strings_and_layouts(tmp_path: Path) -> None:
    texts = np.array([["é", "b"], ["", "long text"]], object)
    fortran = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    strided = np.arange(40)[::-3]
    big_endian = np.arange(4, dtype=">f4")
    write(tmp_path / "a.npz", {"t": texts, "f": fortran, "s": strided, "b": big_endian})
    reader = ArrayReader(tmp_path / "a.npz")
    assert reader.read("t").tolist() == texts.tolist()
    assert np.array_equal(reader.read("f"), fortran)
    assert np.array_equal(reader.read("s"), strided)
    assert np.array_equal(reader.read("b"), big_endian)
    with ArrayWriter(tmp_path / "b.npz") as writer, pytest.raises(StoreError):
        writer.write("objects", np.array([{}], object))


def test_a_slice_is_mapped_not_read(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", {"x": np.arange(1000).reshape(10, 10, 10), "y": np.zeros(3)})
    reader = ArrayReader(tmp_path / "a.npz")
    assert isinstance(reader.map("x"), np.memmap)
    part = reader.read("x", (3, slice(2, 4), 5))
    assert part.tolist() == [325, 335]
    assert not isinstance(part, np.memmap)


def test_archives_by_other_programs_and_folders_of_npy(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez_compressed(tmp_path / "a.npz", x=array)
    assert np.array_equal(ArrayReader(tmp_path / "a.npz").read("x"), array)
    np.savez(tmp_path / "b.npz", x=array)
    assert np.array_equal(ArrayReader(tmp_path / "b.npz").read("x"), array)
    np.save(tmp_path / "z.npy", array)
    assert np.array_equal(ArrayReader(tmp_path).read("z", (1,)), array[1])
    assert list(ArrayReader(tmp_path / "z.npy").names) == ["z"]


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], object))
    with pytest.raises(StoreError, match="unpickled"):
        ArrayReader(tmp_path / "a.npz").read("x")
    np.savez_compressed(tmp_path / "b.npz", x=np.array([{"a": 1}], object))
    with pytest.raises(StoreError):
        ArrayReader(tmp_path / "b.npz").read("x")


def test_a_header_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", buffer.getvalue() + b"\0" * 64)
    with pytest.raises(StoreError, match="cut short"):
        ArrayReader(tmp_path / "a.npz").read("x")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 3000), st.integers(0, 255))
def test_a_damaged_archive_is_an_error_not_a_crash(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    write(path, {"x": np.arange(300.0), "bf": np.ones(3, ml_dtypes.bfloat16)})
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(data[: len(data) - (byte % 3)])
    try:
        reader = ArrayReader(path)
        for name in reader.names:
            reader.read(name)
    except StoreError:
        pass


def test_a_text_file_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("hello")
    with pytest.raises(StoreError, match=r"no \.npz archive"):
        ArrayReader(tmp_path / "a.npz")


def test_the_index_is_only_there_when_needed(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", {"x": np.zeros(2)})
    assert zipfile.ZipFile(tmp_path / "a.npz").namelist() == ["x.npy"]
    write(tmp_path / "b.npz", {"x": np.zeros(2, ml_dtypes.bfloat16)})
    index = json.loads(zipfile.ZipFile(tmp_path / "b.npz").read(INDEX_MEMBER))
    assert index == {"version": 1, "members": {"x.npy": {"name": "x", "dtype": "bfloat16"}}}


def test_members_beyond_four_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 64-bit extension changes the layout; here it sets in at 1,000 bytes instead of 4 GiB."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    monkeypatch.setattr(store, "_SMALL", 500)
    arrays = {"big": np.arange(1000), "small": np.arange(3, dtype=np.int8), "last": np.eye(40)}
    write(tmp_path / "a.npz", arrays)
    reader = ArrayReader(tmp_path / "a.npz")
    for name, array in arrays.items():
        assert np.array_equal(reader.read(name), array)


def test_what_is_not_contiguous_is_written_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_BLOCK", 64)
    arrays = {"t": np.arange(600.0).reshape(20, 30).T, "b": np.broadcast_to(np.arange(7), (50, 7)), "c": np.eye(30)}
    write(tmp_path / "a.npz", arrays)
    for name, array in arrays.items():
        assert np.array_equal(ArrayReader(tmp_path / "a.npz").read(name), array)
