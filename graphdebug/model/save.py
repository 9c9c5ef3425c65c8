"""Writing a model back: unedited, the very same bytes; edited, different only where it was edited.

Payloads that were left in the model's own file are copied from there in chunks and never held. Values that the model
keeps in other files stay in other files.
"""

import filecmp
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import onnx

from graphdebug.model.data_files import DataFiles
from graphdebug.model.document import Model, parse_model
from graphdebug.model.external import (
    ExternalDataError,
    is_external,
    local_path,
    locate,
    new_values,
    plain_file,
    reference,
    save_to,
)
from graphdebug.model.walk import StoredTensor, stored_tensors
from graphdebug.model.wire import (
    DATA_LOCATION,
    EXTERNAL_DATA,
    MAX_MESSAGE,
    RAW_DATA,
    Buffer,
    Piece,
    Span,
    header,
    read_field,
    reference_fields,
    rewrite,
    size,
    strip,
)

_CHUNK = 1 << 20
_SMALLEST_REFERENCE = 16
"""No TensorProto with an external reference is smaller, so smaller messages need no look."""


def save(model: Model, path: Path, home: Path | None = None) -> None:
    """Write ``model`` to the file ``path``, whole or not at all.

    ``home`` is the folder that the file will be moved to, when that is not ``path``'s.

    An unedited model gives the bytes of its file. Other files that hold values (external data) are copied beside
    ``path`` when its home is another folder and they are not there yet. Values that an edit made go into the model, or
    into a new file beside it where the model keeps values in such files; what an edit wants elsewhere goes there.

    Raises:
        ExternalDataError: a tensor refers to bytes that its file does not have, or the model would be larger than a
            protobuf file can be.
        FileExistsError: another file is where a file of values must go.
        OSError: reading or writing failed; ``path`` is as it was.
    """
    pieces, beside = laid_out(model, path.name)
    with ExitStack() as undo:
        parts = [(_write(model, each, path.parent, undo), local_path(path, name)) for name, each in beside.items()]
        written = _write(model, pieces, path.parent, undo)
        if (home or path.parent).resolve() != model.path.parent.resolve():
            for name in external_files(model):
                _copy_beside(plain_file(model.path, name), path.parent / name)
        for part, target in parts:
            if target.exists() and not filecmp.cmp(part, target, shallow=False):
                raise FileExistsError(f"{target} is in the way: values of the model must go into a file of that name.")
        for part, target in parts:
            part.replace(target)
        written.replace(path)


def laid_out(model: Model, name: str) -> tuple[list[Piece], dict[str, list[Piece]]]:
    """Return what the file ``name`` consists of when the model is saved, and what the new files beside it do.

    Raises:
        ExternalDataError: see `save`.
    """
    original = strip(model.path)
    before = parse_model(original.model, model.path.name)
    if _serialised(before) == _serialised(model.proto):
        return [Span(0, model.path.stat().st_size)], {}
    if any(save_to(stored.tensor) is not None for stored in stored_tensors(before)):
        raise ExternalDataError("external-data-malformed", f"{model.path.name} says where its values go when saved.")
    files = DataFiles((*external_files(model), name))
    pieces = restore(model, original.spans, files, _new_file(model, name))
    if sum(map(size, pieces)) > MAX_MESSAGE:
        raise ExternalDataError(
            "model-too-large", "The file would be larger than 2.15 GB: let values stand in a file beside the model."
        )
    return pieces, files.pieces


def blocks(model: Model, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Read pieces, a block at a time.

    Raises:
        OSError: a file became shorter, or cannot be read.
    """
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        with (piece.file or model.path).open("rb") as source:
            source.seek(piece.offset)
            left = piece.length
            while left:
                block = source.read(min(left, _CHUNK))
                if not block:
                    raise OSError("a file of the model became shorter while it was read")
                yield block
                left -= len(block)


def restore(
    model: Model, spans: tuple[Span, ...] = (), files: DataFiles | None = None, new_file: str = ""
) -> list[Piece]:
    """Return the serialised model in pieces, every payload that was left in ``model.path`` a `Span` of that file.

    ``spans`` are those that were left there when it was opened: with them, a tensor that said
    ``data_location = DEFAULT`` in so many words says so again. Values that go beside the model are added to ``files``;
    those that an edit made go into ``new_file`` there, into the model when that is empty.
    """
    known = {(span.offset, span.length): span for span in spans}
    beside = DataFiles() if files is None else files

    def place(data: Buffer, start: int, end: int) -> list[Piece] | None:
        tensor = onnx.TensorProto.FromString(data[start:end])
        wanted = save_to(tensor)
        if not is_external(tensor):
            if wanted is None:
                return None
            values: Piece = bytes(tensor.raw_data)
        else:
            location = reference(tensor).location
            if location == model.path.name:
                span = _own(model, tensor)
                values = known.get((span.offset, span.length), span)
            elif wanted is None and not new_values(model.values, location):
                return None
            else:
                payload = locate(model.path, tensor, model.values)
                values = Span(payload.offset, payload.length, file=payload.path)
                wanted = new_file if wanted is None else wanted
        if not wanted:
            return _with_raw_data(data, start, end, values)
        return _with_reference(data, start, end, wanted, beside.add(wanted, values), size(values))

    return rewrite(_serialised(model.proto), place, _SMALLEST_REFERENCE)


def external_files(model: Model) -> tuple[str, ...]:
    """Return the names of the other files that hold values of the model, as it names them, in order of first use.

    Values that are meant for another place when the model is saved do not count. References that cannot be right (see
    `external`) are left out.
    """
    names: dict[str, None] = {}
    for stored in stored_tensors(model.proto):
        if is_external(stored.tensor) and save_to(stored.tensor) is None:
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


def _own(model: Model, tensor: onnx.TensorProto) -> Span:
    """Return the bytes of the model's own file that a tensor refers to."""
    said, file_size = reference(tensor), model.path.stat().st_size
    length = file_size - said.offset if said.length is None else said.length
    if said.offset + length > file_size:
        raise ExternalDataError("external-data-out-of-range", f"{model.path.name} is shorter than it was.")
    return Span(said.offset, length)


def _new_file(model: Model, name: str) -> str:
    """Return the file that new values go to (``""``: into the model), named after what goes there: none clashes."""
    if not external_files(model):
        return ""
    locations = [reference(stored.tensor).location for stored in stored_tensors(model.proto) if _is_new(model, stored)]
    return f"{Path(name).stem}.{hashlib.sha256(''.join(locations).encode()).hexdigest()[:8]}.data" if locations else ""


def _is_new(model: Model, stored: StoredTensor) -> bool:
    if not is_external(stored.tensor) or save_to(stored.tensor) is not None:
        return False
    return new_values(model.values, reference(stored.tensor).location) is not None


def _with_raw_data(data: Buffer, start: int, end: int, values: Piece) -> list[Piece]:
    """Replace a TensorProto's reference by ``raw_data``, where protobuf would write it: in order of field numbers."""
    before, after = _split(data, start, end, RAW_DATA)
    if isinstance(values, Span) and values.default_location:
        cut = _split(after, 0, len(after), DATA_LOCATION)
        after = cut[0] + bytes((DATA_LOCATION << 3, 0)) + cut[1]
    return [before + header(RAW_DATA, size(values)), values, after]


def _with_reference(data: Buffer, start: int, end: int, location: str, offset: int, length: int) -> list[Piece]:
    """Replace a TensorProto's values by a reference to a file."""
    before, after = _split(data, start, end, EXTERNAL_DATA)
    return [before + reference_fields(location.encode(), offset, length) + after]


def _split(data: Buffer, start: int, end: int, place: int) -> tuple[bytes, bytes]:
    """Return the fields of a TensorProto before field ``place`` and behind it, without its values or reference."""
    before, after = bytearray(), bytearray()
    pos = start
    while pos < end:
        field_start = pos
        field, _, _, pos = read_field(data, pos, end)
        if field not in (RAW_DATA, EXTERNAL_DATA, DATA_LOCATION):
            (before if field < place else after).extend(data[field_start:pos])
    return bytes(before), bytes(after)


def _write(model: Model, pieces: list[Piece], folder: Path, undo: ExitStack) -> Path:
    """Write pieces to a new file in ``folder``, which ``undo`` removes if it is still there at the end."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part", delete=False) as target:
        written = Path(target.name)
        undo.callback(written.unlink, missing_ok=True)
        for block in blocks(model, pieces):
            target.write(block)
    written.chmod(0o644)
    return written


def _copy_beside(source: Path, target: Path) -> None:
    """Copy an external data file, unless it is there already."""
    if target.exists():
        if not target.samefile(source) and target.stat().st_size != source.stat().st_size:
            raise FileExistsError(f"{target} is in the way: an external data file of that name must go there.")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
