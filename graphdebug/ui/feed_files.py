"""Files that feed a model: kept in the workspace under their content's digest, so that a run can be repeated."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from graphdebug.workspace.disk import WorkspaceError, saying_what_is_wrong
from graphdebug.workspace.intake import plain_name, unpack
from graphdebug.workspace.store import Workspace


class Upload(Protocol):
    """An uploaded file: a name that is hostile text and a readable stream."""

    name: str

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in the stream."""
        ...


def keep(workspace: Workspace, upload: Upload) -> Path:
    """Store an uploaded file and return where it lies; a file that is there already is not stored again."""
    with saying_what_is_wrong(f"Storing {plain_name(upload.name)}"):
        return _kept(upload, _folder(workspace, [upload]))


def keep_below(folder: Path, upload: Upload) -> Path:
    """Store an uploaded file like ``keep``, but below ``folder``, where it stays until somebody deletes it."""
    with saying_what_is_wrong(f"Storing {plain_name(upload.name)}"):
        place = folder / _digest([upload])
        place.mkdir(parents=True, exist_ok=True)
        return _kept(upload, place)


def keep_data_set(workspace: Workspace, uploads: Sequence[Upload]) -> Path:
    """Store a data set and return what ``FeedSpec.dataset`` names: an .npz, a .json, or a folder of
    ``input_0.pb``….

    Takes one ``.npz``, one ``.json`` of Polygraphy's, one ``.zip`` of such a folder, or the ``.pb`` files themselves.

    Raises:
        WorkspaceError: it is none of these, or the zip holds no ``input_0.pb`` or is not to be trusted.
    """
    names = [plain_name(upload.name) for upload in uploads]
    if len(uploads) == 1 and names[0].lower().endswith((".npz", ".json")):
        return keep(workspace, uploads[0])
    if len(uploads) == 1 and names[0].lower().endswith(".zip"):
        return _unpacked(keep(workspace, uploads[0]))
    if not all(name.lower().endswith(".pb") for name in names):
        raise WorkspaceError(
            "A data set is one .npz, one .json of Polygraphy's, one .zip of a test_data_set folder, or its .pb files."
        )
    with saying_what_is_wrong("Storing a data set"):
        folder = _folder(workspace, uploads) / "test_data_set"
        folder.mkdir(exist_ok=True)
        for upload, name in zip(uploads, names, strict=True):
            _write(upload, folder / name)
    return folder


def _kept(upload: Upload, folder: Path) -> Path:
    target = folder / plain_name(upload.name)
    if not target.exists():
        _write(upload, target)
    return target


def _unpacked(archive: Path) -> Path:
    folder = archive.parent / "unpacked"
    if not folder.exists():
        try:
            unpack(archive, folder, lambda share, message: None)
        except WorkspaceError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    inputs = sorted(folder.rglob("input_0.pb"), key=lambda path: (len(path.parts), str(path)))
    if not inputs:
        shutil.rmtree(folder, ignore_errors=True)
        raise WorkspaceError(f"{archive.name} holds no input_0.pb: zip an ONNX test_data_set folder.")
    return inputs[0].parent


def _folder(workspace: Workspace, uploads: Sequence[Upload]) -> Path:
    """Return the folder for these files, marked as used now. A new one is the occasion to clear away old ones."""
    folder = workspace.feeds / _digest(uploads)
    if not folder.exists():
        workspace.forget_unused_feeds()
        folder.mkdir(parents=True)
    os.utime(folder)
    return folder


def _digest(uploads: Sequence[Upload]) -> str:
    digest = hashlib.sha256()
    for upload in uploads:
        digest.update(str(PurePosixPath(upload.name)).encode(errors="surrogatepass") + b"\0")
        upload.seek(0)
        while chunk := upload.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()[:16]


def _write(upload: Upload, target: Path) -> None:
    partial = target.with_name(f"{target.name}.part")
    upload.seek(0)
    with partial.open("wb") as file:
        _copy(upload, file)
    partial.replace(target)


def _copy(upload: Upload, file: BinaryIO) -> None:
    while chunk := upload.read(1 << 20):
        file.write(chunk)
