"""What is dropped is hostile: names, archives and sizes."""

import hashlib
import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphdebug.workspace import intake
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.intake import Incoming, fingerprint, model_file, plain_name, prepare


def silent(fraction: float | None, message: str) -> None:
    pass


def receive(upload: Path, name: str, data: bytes) -> None:
    with Incoming(upload, name) as incoming:
        for start in range(0, len(data), 3):
            incoming.write(data[start : start + 3])


def zipped(upload: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    archive = upload / "m.zip"
    with zipfile.ZipFile(archive, "w", compression) as target:
        for name, data in entries.items():
            target.writestr(name, data)
    data = archive.read_bytes()
    archive.unlink()
    receive(upload, "m.zip", data)


def test_one_file_is_known_by_its_content_alone(tmp_path: Path) -> None:
    for folder, name in (("a", "x.onnx"), ("b", "y.ONNX")):
        (tmp_path / folder).mkdir()
        receive(tmp_path / folder, name, b"the same bytes")
    first, second = prepare(tmp_path / "a", silent), prepare(tmp_path / "b", silent)
    assert first.id == second.id == hashlib.sha256(b"the same bytes").hexdigest()[:16]
    assert first.model.read_bytes() == b"the same bytes"


def test_external_data_belongs_to_the_id(tmp_path: Path) -> None:
    ids = set()
    for folder, weights in (("a", b"1"), ("b", b"2")):
        (tmp_path / folder).mkdir()
        receive(tmp_path / folder, "x.onnx", b"model")
        receive(tmp_path / folder, "x.data", weights)
        ids.add(prepare(tmp_path / folder, silent).id)
    assert len(ids) == 2


def test_a_zip_gives_the_same_id_as_its_files_wherever_they_are_in_it(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.mkdir(), packed.mkdir()
    receive(plain, "x.onnx", b"model")
    receive(plain, "x.data", b"weights")
    zipped(
        packed, {"deep/er/x.onnx": b"model", "deep/er/x.data": b"weights", "README": b"hello", "__MACOSX/._x.onnx": b""}
    )
    assert prepare(plain, silent).id == prepare(packed, silent).id
    prepared = prepare(plain, silent)
    assert prepared.model.parent == prepared.files


def test_external_data_in_a_subfolder_of_a_zip_stays_there(tmp_path: Path) -> None:
    zipped(tmp_path, {"x.onnx": b"model", "weights/w.bin": b"weights"})
    prepared = prepare(tmp_path, silent)
    assert (prepared.files / "weights" / "w.bin").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [([], "no .onnx file"), (["w.bin"], "no .onnx file.*w.bin"), (["b.onnx", "a.onnx"], "2 models.*a.onnx, b.onnx")],
)
def test_exactly_one_model_is_asked_for(names: list[str], sentence: str) -> None:
    with pytest.raises(WorkspaceError, match=sentence):
        model_file(names)


@pytest.mark.parametrize("name", ["../x.onnx", "/etc/x.onnx", "a/../../x.onnx", "..\\x.onnx", "C:/x.onnx", "a\nb.onnx"])
def test_a_zip_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    upload = tmp_path / "upload"
    upload.mkdir()
    zipped(upload, {name: b"evil", "m.onnx": b"model"})
    with pytest.raises(WorkspaceError, match="leaves its folder"):
        prepare(upload, silent)
    assert {path.name for path in tmp_path.rglob("*.onnx")} == set()


def test_a_zip_cannot_plant_a_link(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("m.onnx")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "z", "w") as target:
        target.writestr(link, "/etc/passwd")
    receive(tmp_path, "m.zip", (tmp_path / "z").read_bytes())
    with pytest.raises(WorkspaceError, match="link"):
        prepare(tmp_path, silent)


def test_a_compression_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_RATIO_MATTERS", 1 << 20)
    zipped(tmp_path, {"m.onnx": bytes(8 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(WorkspaceError, match="would unpack to 8"):
        prepare(tmp_path, silent)
    assert not (tmp_path / "unpacked").exists()


def test_a_zip_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    zipped(tmp_path, {"m.onnx": bytes(100_000)}, zipfile.ZIP_DEFLATED)
    path = tmp_path / "files" / "m.zip"
    data = path.read_bytes()
    true_size = (100_000).to_bytes(4, "little")
    assert true_size in data
    path.write_bytes(data.replace(true_size, (10).to_bytes(4, "little")))
    with pytest.raises(WorkspaceError, match="not a zip file that can be unpacked"):
        prepare(tmp_path, silent)


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_ENTRIES", 3)
    zipped(tmp_path, {f"{number}.bin": b"" for number in range(4)})
    with pytest.raises(WorkspaceError, match="more than 3 files"):
        prepare(tmp_path, silent)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and then nothing", bytes(1000)])
def test_what_is_no_zip_gets_a_sentence(tmp_path: Path, data: bytes) -> None:
    receive(tmp_path, "m.zip", data)
    with pytest.raises(WorkspaceError, match="is not a zip file"):
        prepare(tmp_path, silent)


def test_a_zip_beside_other_files_is_refused(tmp_path: Path) -> None:
    zipped(tmp_path, {"m.onnx": b"model"})
    receive(tmp_path, "w.bin", b"w")
    with pytest.raises(WorkspaceError, match="not both"):
        prepare(tmp_path, silent)


@given(st.text(max_size=300))
def test_a_plain_name_never_leaves_its_folder(name: str) -> None:
    try:
        accepted = plain_name(name)
    except WorkspaceError:
        return
    assert os.path.normpath(os.path.join("/upload", accepted)) == f"/upload/{accepted}"  # noqa: PTH118
    assert "\0" not in accepted


def test_a_file_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError), Incoming(tmp_path, "m.onnx") as incoming:
        incoming.write(b"half")
        raise ConnectionError
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_limit_holds_for_all_files_together(tmp_path: Path) -> None:
    with Incoming(tmp_path, "a.bin", limit=10) as incoming:
        incoming.write(b"123456")
    with (
        pytest.raises(WorkspaceError, match="larger than an upload may be"),
        Incoming(tmp_path, "b.bin", limit=10) as second,
    ):
        second.write(b"12345")


def test_a_second_file_of_the_same_name_is_refused_and_the_first_stays(tmp_path: Path) -> None:
    receive(tmp_path, "w.bin", b"first")
    with pytest.raises(WorkspaceError, match=r"Two files called w\.bin"):
        receive(tmp_path, "w.bin", b"second")
    assert (tmp_path / "files" / "w.bin").read_bytes() == b"first"


def test_a_fingerprint_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"1")
    before = fingerprint(path)
    assert fingerprint(path) == before
    path.write_bytes(b"12")
    assert fingerprint(path) != before
    with pytest.raises(WorkspaceError, match="no file at"):
        fingerprint(tmp_path / "missing.onnx")
