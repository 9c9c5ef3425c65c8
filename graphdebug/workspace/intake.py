"""From dropped files to a model's folder: names, sizes and archives are hostile until checked here.

An upload is a quarantine folder: ``files/`` holds what arrived, ``sums/`` the SHA-256 of each file, computed while it
came in. ``prepare`` finds the model file in it, unpacking a zip first.
"""

import hashlib
import shutil
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from graphdebug.model.units import size_text
from graphdebug.workspace.disk import WorkspaceError, saying_what_is_wrong
from graphdebug.workspace.entries import ModelEntry

MAX_UPLOAD = 4_000_000_000
"""Bytes of one upload, all its files together."""
MAX_UNPACKED = 16_000_000_000
MAX_ENTRIES = 10_000
MAX_RATIO = 200
"""Unpacked over packed size, for archives that unpack to more than ``_RATIO_MATTERS`` bytes."""
_RATIO_MATTERS = 256_000_000
_CHUNK = 1 << 20
_JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db"}

Report = Callable[[float | None, str], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Files that are ready to be opened: ``model`` lies in ``files``, which holds its external data too."""

    id: str
    model: Path
    files: Path


def plain_name(name: str) -> str:
    """Return ``name`` when it names a file in one folder, without a path.

    Raises:
        WorkspaceError: it is empty, a path, too long, or holds control characters.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name or not name.isprintable():
        raise WorkspaceError(f"{name!r} is not a plain file name: rename the file and drop it again.")
    if len(name.encode(errors="surrogatepass")) > 200:
        raise WorkspaceError(f"The file name {name[:40]!r}… is too long: rename the file and drop it again.")
    return name


class Incoming:
    """One file of an upload on its way in: written and hashed chunk by chunk, gone when it does not arrive whole."""

    def __init__(self, upload: Path, name: str, limit: int = MAX_UPLOAD) -> None:
        """Begin to receive ``name``; ``limit`` bounds the bytes of the whole upload."""
        name = plain_name(name)
        for part in ("files", "sums"):
            (upload / part).mkdir(exist_ok=True)
        self._path = upload / "files" / name
        if self._path.exists():
            raise WorkspaceError(f"Two files called {name} were dropped: drop a .zip of their folder instead.")
        self._partial = upload / f"{hashlib.sha256(name.encode()).hexdigest()}.part"
        self._sum = upload / "sums" / name
        self._digest = hashlib.sha256()
        others = sum(file.stat().st_size for file in (upload / "files").iterdir())
        self._left = limit - others
        self._limit = limit

    def check_size(self, size: int) -> None:
        """Raise WorkspaceError when ``size`` more bytes are too many, for the limit or for the disk."""
        if size > self._left:
            raise WorkspaceError(
                f"{self._path.name} is larger than an upload may be ({size_text(self._limit)} in all): "
                "open it by its path on this machine, or from the command line."
            )
        if size > shutil.disk_usage(self._partial.parent).free:
            raise WorkspaceError(f"The disk has no room for {self._path.name}: delete models or runs and try again.")

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if len(chunk) > self._left:
            self.check_size(len(chunk))
        self._left -= len(chunk)
        with saying_what_is_wrong(f"Storing {self._path.name}"):
            self._file.write(chunk)
        self._digest.update(chunk)

    def __enter__(self) -> Self:
        """Open the file."""
        with saying_what_is_wrong(f"Storing {self._path.name}"):
            self._file = self._partial.open("wb", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the file in its place, or forget it."""
        self._file.close()
        if kind is not None:
            self._partial.unlink(missing_ok=True)
            return
        with saying_what_is_wrong(f"Storing {self._path.name}"):
            self._sum.write_text(self._digest.hexdigest())
            self._partial.replace(self._path)


def prepare(upload: Path, report: Report) -> Prepared:
    """Find the model among the files of an upload; a zip is unpacked first.

    Raises:
        WorkspaceError: nothing or more than one model in it, or an archive that is not to be trusted.
    """
    arrived = {path.name: (upload / "sums" / path.name).read_text() for path in (upload / "files").glob("*")}
    archives = [name for name in arrived if name.lower().endswith(".zip")]
    if archives and len(arrived) > 1:
        raise WorkspaceError("Drop either one zip or the files themselves, not both.")
    if archives:
        folder, sums = upload / "unpacked", unpack(upload / "files" / archives[0], upload / "unpacked", report)
        (upload / "files" / archives[0]).unlink()
    else:
        folder, sums = upload / "files", arrived
    chosen = PurePosixPath(model_file(sums))
    home = "" if chosen.parent == PurePosixPath() else f"{chosen.parent}/"
    beside = {name.removeprefix(home): digest for name, digest in sums.items() if name.startswith(home)}
    return Prepared(content_id(chosen.name, beside), folder / chosen, folder / chosen.parent)


def model_file(names: Mapping[str, str] | list[str]) -> str:
    """Return the one name that ends in ``.onnx``; raise WorkspaceError when there is none or more than one."""
    models = sorted(name for name in names if name.lower().endswith(".onnx"))
    if len(models) == 1:
        return models[0]
    if not models:
        found = ", ".join(sorted(names)[:5]) or "nothing"
        raise WorkspaceError(
            f"There is no .onnx file in what was dropped ({found}): drop an .onnx file or a zip of one."
        )
    listed = ", ".join(models[:8]) + (", …" if len(models) > 8 else "")
    raise WorkspaceError(f"There are {len(models)} models in what was dropped ({listed}): drop one at a time.")


def content_id(model: str, sums: Mapping[str, str]) -> str:
    """Return the id of a model by its content: of the file alone, or with the names and contents beside it."""
    others = sorted((name, digest) for name, digest in sums.items() if name != model)
    if not others:
        return sums[model][:16]
    whole = "\n".join([sums[model], *(f"{name}\0{digest}" for name, digest in others)])
    return hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:16]


def fingerprint(path: Path) -> str:
    """Return the id of a model that is opened in place: of its path, size and time of change.

    Raises:
        WorkspaceError: there is no such file.
    """
    path = path.expanduser().resolve()
    if not path.is_file():
        raise WorkspaceError(f"There is no file at {path}.")
    status = path.stat()
    return hashlib.sha256(f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()[:16]


def changed(entry: ModelEntry) -> bool:
    """Return whether a model opened in place is no longer the file it was."""
    if not entry.in_place:
        return False
    try:
        return fingerprint(Path(entry.location.path)) != entry.id
    except WorkspaceError:
        return True


def unpack(archive: Path, folder: Path, report: Report) -> dict[str, str]:
    """Unpack a zip into ``folder`` and return the SHA-256 of each file by its name in the archive.

    Raises:
        WorkspaceError: no zip, too many or too large entries, a compression bomb, links, encrypted entries, or
            names that leave the folder.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            entries = _checked(source, archive)
            total = sum(entry.file_size for entry in entries.values())
            sums: dict[str, str] = {}
            done = 0
            for name, entry in entries.items():
                target = folder / name
                digest = hashlib.sha256()
                with saying_what_is_wrong(f"Unpacking {archive.name}"):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with source.open(entry) as packed, target.open("xb") as file:
                        while chunk := packed.read(_CHUNK):
                            file.write(chunk)
                            digest.update(chunk)
                            done += len(chunk)
                            report(done / total if total else None, f"Unpacking {name}")
                sums[name] = digest.hexdigest()
            return sums
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise WorkspaceError(f"{archive.name} is not a zip file that can be unpacked: {error}.") from error


def _checked(source: zipfile.ZipFile, archive: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by safe relative name; raise WorkspaceError when one is not safe."""
    if len(source.infolist()) > MAX_ENTRIES:
        raise WorkspaceError(f"{archive.name} holds more than {MAX_ENTRIES} files.")
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in source.infolist():
        path = PurePosixPath(entry.filename)
        if entry.is_dir() or _JUNK & set(path.parts):
            continue
        unsafe = path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in path.parts[0]
        if unsafe or not entry.filename.isprintable():
            raise WorkspaceError(f"{archive.name} holds a file whose name leaves its folder: {entry.filename!r}.")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise WorkspaceError(
                f"{archive.name} holds a link or a device ({entry.filename!r}): pack plain files only."
            )
        if entry.flag_bits & 1:
            raise WorkspaceError(f"{archive.name} is encrypted: unpack it and drop the files.")
        if str(path) in entries:
            raise WorkspaceError(f"{archive.name} holds {entry.filename!r} twice.")
        entries[str(path)] = entry
    total = sum(entry.file_size for entry in entries.values())
    packed = max(1, archive.stat().st_size)
    if total > MAX_UNPACKED or (total > _RATIO_MATTERS and total / packed > MAX_RATIO):
        raise WorkspaceError(
            f"{archive.name} would unpack to {size_text(total)} from {size_text(packed)}: that is refused."
        )
    if total > shutil.disk_usage(archive.parent).free:
        raise WorkspaceError(f"The disk has no room to unpack {archive.name}: delete models or runs and try again.")
    return entries
