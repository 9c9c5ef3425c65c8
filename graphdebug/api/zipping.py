"""Zip archives that are sent while they grow: nothing is held in memory."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, cast
from zipfile import ZIP_STORED, ZipFile

_BLOCK = 1 << 20


def zipped(files: Mapping[str, Iterable[bytes]]) -> Iterator[bytes]:
    """Yield a zip archive of files, by name, as it grows; weights do not shrink, so nothing is compressed."""
    grown = _Grown()
    with ZipFile(cast("IO[bytes]", grown), "w", ZIP_STORED) as archive:
        for name, blocks in files.items():
            with archive.open(name, "w", force_zip64=True) as member:
                for block in blocks:
                    member.write(block)
                    yield grown.take()
            yield grown.take()
    yield grown.take()


def file_blocks(path: Path) -> Iterator[bytes]:
    """Read a file, a block at a time."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


class _Grown:
    """A file that is only written: what was written since one last looked."""

    def __init__(self) -> None:
        self._new = bytearray()

    def write(self, data: bytes) -> int:
        self._new += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        taken = bytes(self._new)
        self._new.clear()
        return taken
