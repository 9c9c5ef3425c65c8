"""Writing a model back: unedited, the very same bytes; edited, different only where it was edited.

Payloads that were left in the model's own file are copied from there in chunks and never held. Values that the model
keeps in other files stay in other files.
"""

import shutil
import tempfile
from pathlib import Path
from typing import IO

import onnx

from graphdebug.model.document import Model, parse_model
from graphdebug.model.external import ExternalDataError, is_external, plain_file, reference
from graphdebug.model.walk import stored_tensors
from graphdebug.model.wire import (
    DATA_LOCATION,
    EXTERNAL_DATA,
    RAW_DATA,
    Buffer,
    Piece,
    Span,
    header,
    read_field,
    rewrite,
    strip,
)

_CHUNK = 1 << 20
_SMALLEST_REFERENCE = 16
"""No TensorProto with an external reference is smaller, so smaller messages need no look."""


def save(model: Model, path: Path) -> None:
    """Write ``model`` to the file ``path``, whole or not at all.

    An unedited model gives the bytes of its file. Other files that hold values (external data) are copied beside
    ``path`` when it lies in another folder and they are not there yet.

    Raises:
        ExternalDataError: an edited tensor refers to bytes that the model's file does not have.
        FileExistsError: another file is where an external data file must go.
        OSError: reading or writing failed; ``path`` is as it was.
    """
    original = strip(model.path)
    same = _serialised(parse_model(original.model, model.path.name)) == _serialised(model.proto)
    pieces = [Span(0, model.path.stat().st_size)] if same else restore(model, original.spans)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as target:
        written = Path(target.name)
        try:
            with model.path.open("rb") as source:
                for piece in pieces:
                    _write(piece, source, target)
            written.chmod(0o644)
            if path.parent.resolve() != model.path.parent.resolve():
                for name in external_files(model):
                    _copy_beside(plain_file(model.path, name), path.parent / name)
            written.replace(path)
        except BaseException:
            written.unlink(missing_ok=True)
            raise


def restore(model: Model, spans: tuple[Span, ...] = ()) -> list[Piece]:
    """Return the serialised model in pieces, every payload that was left in ``model.path`` a `Span` of that file.

    ``spans`` are those that were left there when it was opened: with them, a tensor that said
    ``data_location = DEFAULT`` in so many words says so again.
    """
    known = {(span.offset, span.length): span for span in spans}
    file_size = model.path.stat().st_size

    def inline(data: Buffer, start: int, end: int) -> list[Piece] | None:
        tensor = onnx.TensorProto.FromString(data[start:end])
        if not is_external(tensor):
            return None
        said = reference(tensor)
        if said.location != model.path.name:
            return None
        length = file_size - said.offset if said.length is None else said.length
        if said.offset + length > file_size:
            raise ExternalDataError("external-data-out-of-range", f"{model.path.name} is shorter than it was.")
        span = known.get((said.offset, length), Span(said.offset, length))
        return _with_raw_data(data, start, end, span)

    return rewrite(_serialised(model.proto), inline, _SMALLEST_REFERENCE)


def external_files(model: Model) -> tuple[str, ...]:
    """Return the names of the other files that hold values of the model, as it names them, in order of first use.

    References that cannot be right (see `external`) are left out.
    """
    names: dict[str, None] = {}
    for stored in stored_tensors(model.proto):
        if is_external(stored.tensor):
            try:
                location = reference(stored.tensor).location
                if location != model.path.name and location not in names:
                    plain_file(model.path, location)
                    names[location] = None
            except ExternalDataError:
                continue
    return tuple(names)


def _serialised(proto: onnx.ModelProto) -> bytes:
    return bytes(proto.SerializeToString(deterministic=True))


def _with_raw_data(data: Buffer, start: int, end: int, span: Span) -> list[Piece]:
    """Replace a TensorProto's reference by ``raw_data``, where protobuf would write it: in order of field numbers."""
    before, after = bytearray(), bytearray()
    pos = start
    while pos < end:
        field_start = pos
        field, _, _, pos = read_field(data, pos, end)
        if field not in (EXTERNAL_DATA, DATA_LOCATION):
            (before if field < RAW_DATA else after).extend(data[field_start:pos])
        elif field == DATA_LOCATION and span.default_location:
            after.extend(bytes((DATA_LOCATION << 3, 0)))
    return [bytes(before) + header(RAW_DATA, span.length), span, bytes(after)]


def _write(piece: Piece, source: IO[bytes], target: IO[bytes]) -> None:
    if isinstance(piece, bytes):
        target.write(piece)
        return
    source.seek(piece.offset)
    left = piece.length
    while left:
        chunk = source.read(min(left, _CHUNK))
        if not chunk:
            raise OSError("the model's file became shorter while it was read")
        target.write(chunk)
        left -= len(chunk)


def _copy_beside(source: Path, target: Path) -> None:
    """Copy an external data file, unless it is there already."""
    if target.exists():
        if not target.samefile(source) and target.stat().st_size != source.stat().st_size:
            raise FileExistsError(f"{target} is in the way: an external data file of that name must go there.")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
