"""Arrays on disk: stored (uncompressed) .npz archives, written and read one member at a time.

`numpy.load` opens them like any other .npz, under the tensors' own names. Two things it cannot express are kept in a
member ``graphdebug.json``, which is only there when needed: names that are unsafe inside an archive (`..`, backslashes,
control characters, very long ones) and element types that NumPy lacks; such values are stored in a wider type that
holds them exactly (bfloat16 and float8 in float32, 4-bit integers in int8 or uint8) and read back as they were.
"""

import hashlib
import io
import re
import struct
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import ml_dtypes
import msgspec
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

INDEX_MEMBER = "graphdebug.json"
_SUFFIX = ".npy"
_NAME_BYTES = 200
_BLOCK = 4 << 20
_SMALL = 1 << 30
"""Bytes that a member can have, header included, without the format's 64-bit extension."""
_STRING_BYTES = 256 << 20
_HEADER_LIMIT = 1 << 16
_NO_FILE = re.compile(r'[/:*?"<>|]|^\.|[. ]$')
"""What no system's file names have."""
_LOCAL_HEADER = struct.Struct("<4s22x2H")
"""Signature, then the lengths of the name and of the extra field (APPNOTE.TXT, 4.3.7)."""


class StoreError(Exception):
    """An archive cannot be read, or a value not be stored; the message is one sentence or the end of one."""


class _Entry(msgspec.Struct, frozen=True):
    """What the archive cannot say of a member: the tensor's ``name``, and its ``dtype`` where NumPy lacks it."""

    name: str
    dtype: str = ""


class _Index(msgspec.Struct, frozen=True):
    version: int
    members: dict[str, _Entry]


class ArrayWriter:
    """Writes an archive array by array; complete once closed."""

    def __init__(self, path: Path) -> None:
        """Create or replace the file."""
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._members: set[str] = {INDEX_MEMBER}
        self._index: dict[str, _Entry] = {}

    def write(self, name: str, array: NDArray[Any]) -> tuple[str, str]:
        """Append an array under a tensor's name; return the member's name and a note, empty when stored as it is.

        Raises:
            StoreError: the values cannot be stored without pickling.
            OSError: the disk is full, or the file grew too large.
        """
        stored, note = storable(array)
        member = self._member(name)
        widened = stored.dtype != array.dtype and not array.dtype.hasobject
        if member != name + _SUFFIX or widened:
            self._index[member] = _Entry(name, array.dtype.name if widened else "")
        info = zipfile.ZipInfo(member)
        info.external_attr = 0o644 << 16
        with self._archive.open(info, "w", force_zip64=stored.nbytes > _SMALL) as file:
            file.writelines(npy_blocks(stored))
        return member, note

    def close(self) -> None:
        """Write what NumPy's format cannot say, and the directory."""
        if self._index and self._archive.fp is not None:
            self._archive.writestr(zipfile.ZipInfo(INDEX_MEMBER), msgspec.json.encode(_Index(1, self._index)))
        self._archive.close()

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the archive."""
        self.close()

    def _member(self, name: str) -> str:
        """Return a member name that is unused and safe to unpack: the name itself, or one derived from its digest."""
        member = name + _SUFFIX
        if not _is_safe(name) or member in self._members:
            member = _derived(name, self._members)
        self._members.add(member)
        return member


class FolderIndex:
    """Names the files of a folder of .npy, and says of them what an archive's ``graphdebug.json`` says."""

    def __init__(self) -> None:
        """Begin with an empty folder."""
        self._files: set[str] = {INDEX_MEMBER}
        self._entries: dict[str, _Entry] = {}

    def file_of(self, name: str) -> str:
        """Return the name of the file for a tensor, one that is the name of a file anywhere."""
        file = name + _SUFFIX
        if not _is_safe(name) or not name.isascii() or _NO_FILE.search(name) or file.lower() in self._files:
            file = _derived(name, self._files)
        self._files.add(file.lower())
        self._entries[file] = _Entry(name)
        return file

    def widened(self, file: str, dtype: np.dtype[Any]) -> None:
        """Note that a file holds values of ``dtype`` in a wider type."""
        self._entries[file] = _Entry(self._entries[file].name, dtype.name)

    def text(self) -> bytes:
        """Return what to write to `INDEX_MEMBER`, once all else is written."""
        return msgspec.json.encode(_Index(1, self._entries))


class ArrayReader:
    """Reads arrays from an ``.npz``, a folder of ``.npy`` files or one ``.npy``, each only when asked for.

    Stored members are memory-mapped: a slice reads only what it covers.
    """

    def __init__(self, path: Path) -> None:
        """Read the directory.

        Raises:
            StoreError: the file is no archive.
            OSError: it cannot be read.
        """
        self._path = path
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._files: dict[str, Path] = {}
        self._entries: Mapping[str, _Entry] = {}
        if path.is_dir():
            self._read_folder()
        elif path.suffix == _SUFFIX:
            path.stat()
            self._files = {path.stem: path}
        else:
            self._read_directory()
        self.names: Sequence[str] = [*self._files, *self._members]
        """Tensor names, in the order of the archive."""

    def __contains__(self, name: str) -> bool:
        """Return whether there is an array for this tensor."""
        return name in self._files or name in self._members

    def read(self, name: str, index: Any = ...) -> NDArray[Any]:
        """Return the array of tensor ``name``, or the part that a NumPy ``index`` (ints and slices) picks.

        The result owns its memory and has the tensor's element type.

        Raises:
            KeyError: there is no such tensor.
            StoreError: the member is broken or would need unpickling.
        """
        part = np.array(self.map(name)[index])
        at = self._members[name].filename if name in self._members else self._files[name].name
        entry = self._entries.get(at)
        return part.astype(_dtype(entry.dtype)) if entry is not None and entry.dtype else part

    def map(self, name: str) -> NDArray[Any]:
        """Return the array as stored, memory-mapped read-only where the archive allows; see ``read`` for errors."""
        file, member = self._files.get(name), self._members.get(name)
        try:
            if file is not None:
                loaded: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
                return loaded
            if member is not None:
                return self._map_member(member)
        except OSError:
            raise
        except Exception as error:  # damaged headers fail in NumPy's, tokenize's, zlib's and zipfile's own ways
            raise StoreError(f"Array {name!r} in {self._path.name} cannot be read: {error}.") from error
        raise KeyError(name)

    def npy(self, name: str) -> tuple[Path, int, int]:
        """Return where the bytes of the array's .npy are: a file, an offset in it and a length. Nothing is read.

        Raises:
            KeyError: there is no such tensor.
            StoreError: the archive is damaged, or packs the array so that its bytes are not there.
        """
        if name in self._files:
            return self._files[name], 0, self._files[name].stat().st_size
        member = self._members[name]
        if member.compress_type != zipfile.ZIP_STORED:
            raise StoreError(f"Array {name!r} in {self._path.name} is compressed.")
        with self._path.open("rb") as file:
            try:
                start = _start_of(file, member)
            except ValueError as error:
                raise StoreError(f"Array {name!r} in {self._path.name} cannot be read: {error}.") from error
            if start + member.file_size > file.seek(0, io.SEEK_END):
                raise StoreError(f"Array {name!r} in {self._path.name} is cut short.")
        return self._path, start, member.file_size

    def _read_folder(self) -> None:
        index = self._path / INDEX_MEMBER
        if index.is_file():
            try:
                self._entries = msgspec.json.decode(index.read_bytes(), type=_Index).members
            except msgspec.MsgspecError as error:
                raise StoreError(f"{INDEX_MEMBER} in {self._path.name} is damaged.") from error
        for file in sorted(self._path.glob(f"*{_SUFFIX}")):
            entry = self._entries.get(file.name)
            self._files[entry.name if entry else file.stem] = file

    def _read_directory(self) -> None:
        try:
            with zipfile.ZipFile(self._path) as archive:
                infos = archive.infolist()
                if any(info.filename == INDEX_MEMBER for info in infos):
                    self._entries = msgspec.json.decode(archive.read(INDEX_MEMBER), type=_Index).members
        except (zipfile.BadZipFile, msgspec.MsgspecError, NotImplementedError, RuntimeError) as error:
            raise StoreError(f"{self._path.name} is no .npz archive.") from error
        for info in infos:
            if info.filename.endswith(_SUFFIX):
                entry = self._entries.get(info.filename)
                self._members[entry.name if entry else info.filename.removesuffix(_SUFFIX)] = info

    def _map_member(self, info: zipfile.ZipInfo) -> NDArray[Any]:
        if info.compress_type != zipfile.ZIP_STORED:
            with zipfile.ZipFile(self._path) as archive, archive.open(info) as packed:
                array: NDArray[Any] = npy.read_array(packed, allow_pickle=False)
                return array
        with self._path.open("rb") as file:
            start = _start_of(file, info)
            file.seek(start)
            shape, fortran, dtype = _read_header(file)
            offset = file.tell()
            size = file.seek(0, io.SEEK_END)
        count = int(np.prod(shape, dtype=object)) if shape else 1
        if offset + count * dtype.itemsize > min(start + info.file_size, size):
            raise ValueError("the archive is damaged: its values are cut short")
        if count * dtype.itemsize == 0:
            return np.empty(shape, dtype)
        return np.memmap(self._path, dtype, "r", offset, shape, "F" if fortran else "C")


def _start_of(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Return where a stored member's bytes begin; ValueError when the archive is damaged."""
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
        raise ValueError("the archive is damaged")
    _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    return member.header_offset + _LOCAL_HEADER.size + int(name_length) + int(extra_length)


def _read_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, Fortran order and dtype of the .npy that starts here."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file, max_header_size=_HEADER_LIMIT)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled")
    if any(length < 0 for length in shape):
        raise ValueError("it has a negative dimension")
    return shape, fortran, dtype


def npy_blocks(array: NDArray[Any]) -> Iterator[bytes | memoryview]:
    """Yield an array as .npy, header and elements in C order, in blocks; what is not contiguous is copied row by row.

    The dtype must be NumPy's own: see ``storable``.
    """
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape})
    yield header.getvalue()
    if not array.nbytes:
        return
    rows = array.reshape(1, -1) if array.flags.c_contiguous else array
    step = len(rows) if array.flags.c_contiguous else max(1, _BLOCK * len(rows) // rows.nbytes)
    for first in range(0, len(rows), step):
        view = np.ascontiguousarray(rows[first : first + step]).reshape(-1).view(np.uint8).data
        for start in range(0, len(view), _BLOCK):
            yield view[start : start + _BLOCK]


def read_npy(data: bytes) -> NDArray[Any]:
    """Return the array of a .npy that is held in memory; nothing is allocated beyond what is there.

    Raises:
        ValueError: it is damaged, cut short, or would need unpickling.
    """
    file = io.BytesIO(data)
    shape, fortran, dtype = _read_header(file)
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if count * dtype.itemsize != len(data) - file.tell():
        raise ValueError("its values do not fit its shape and type")
    if dtype.itemsize == 0 or count == 0:
        return np.zeros(shape, dtype)
    flat: NDArray[Any] = np.frombuffer(data, dtype, count, file.tell())
    return flat.reshape(shape, order="F" if fortran else "C").copy()


def storable(array: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Return the array in a dtype that .npy knows, and a note when that is not its own.

    Raises:
        StoreError: it holds neither numbers nor strings, or very long strings.
    """
    if array.dtype.hasobject or array.dtype.kind == "T":
        return _strings(array), "strings are stored with a fixed width"
    if array.dtype.type.__module__ == "numpy":
        return array, ""
    wide = np.float32 if _is_floating(array.dtype) else np.uint8 if array.dtype.name.startswith("u") else np.int8
    return array.astype(wide), f"{array.dtype.name} is stored as {np.dtype(wide).name}, exactly"


def _is_floating(dtype: np.dtype[Any]) -> bool:
    return dtype.name.startswith(("bfloat", "float"))


def _strings(array: NDArray[Any]) -> NDArray[Any]:
    texts = [item.decode(errors="replace") if isinstance(item, bytes) else item for item in array.reshape(-1).tolist()]
    if not all(isinstance(text, str) for text in texts):
        raise StoreError("values other than numbers and strings are not stored")
    width = max(map(len, texts), default=1)
    if width * len(texts) * 4 > _STRING_BYTES:
        raise StoreError("strings as long as these are not stored")
    return np.array(texts, f"<U{max(width, 1)}").reshape(array.shape)


def _derived(name: str, taken: Collection[str]) -> str:
    """Return a safe file name for a tensor's that is none: its readable part and its digest."""
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    readable = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name[:80]).lstrip(".")
    file, count = f"{readable}~{digest}{_SUFFIX}", 1
    while file in taken:
        count += 1
        file = f"{readable}~{digest}~{count}{_SUFFIX}"
    return file


def _dtype(name: str) -> np.dtype[Any]:
    """Return an ml_dtypes type by its name."""
    found = getattr(ml_dtypes, name, None)
    if not isinstance(found, type):
        raise StoreError(f"The element type {name!r} is not known here.")
    dtype: np.dtype[Any] = np.dtype(found)
    return dtype


def _is_safe(name: str) -> bool:
    """Return whether a tensor's name can be a member's name as it is."""
    if not name or len(name.encode(errors="replace")) > _NAME_BYTES or not name.isprintable() or "\\" in name:
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return ".." not in name.split("/") and name + _SUFFIX != INDEX_MEMBER
