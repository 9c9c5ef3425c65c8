"""Telling what a file is that people take for a model."""

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"PK\x03\x04", "a zip archive (also what PyTorch saves)"),
    (0, b"\x1f\x8b\x08", "a gzip archive"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"\x7fELF", "a program or library"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x89HDF\r\n", "an HDF5 file (Keras)"),
    (0, b"\x93NUMPY", "a numpy array"),
    (0, b"GGUF", "a GGUF file"),
    (0, b"\x80\x02}", "a Python pickle"),
    (0, b"\x80\x04\x95", "a Python pickle"),
    (0, b"version https://git-lfs", "a Git LFS pointer (run `git lfs pull` to get the file)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (4, b"ORTM", "a model in ORT format"),
    (8, b'{"', "a safetensors file"),
)
_HTML = (b"<!doctype html", b"<html", b"<?xml")


def known_format(start: bytes) -> str:
    """Return what a file is by its first 64 bytes, with its article; ``""`` when they tell nothing."""
    for offset, magic, title in _MAGIC:
        if start[offset : offset + len(magic)] == magic:
            return title
    if start.lstrip().lower().startswith(_HTML):
        return "an HTML or XML page"
    return ""
