"""Reading a model file in the protobuf wire format without its weights.

A model file is its own weight file: `strip` walks the file through a memory map, steps over everything that is not on
the way to a tensor, and writes the model again with each large ``raw_data`` replaced by an external-data reference to
the very place where the bytes already lie. Nothing but the few bytes around the payloads is ever touched, so a model of
any size costs what its structure costs.

Wire format: https://protobuf.dev/programming-guides/encoding/; field numbers: ``onnx.proto``.
No length found in a file is trusted: a field must end inside the message that holds it.
"""

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

THRESHOLD = 4096
"""Payloads of at least this many bytes stay in the file. Smaller ones (shapes, axes) are what shape inference reads."""

MAX_DEPTH = 200
"""Messages within messages. protobuf's own limit is 100."""

MAX_MESSAGE = (1 << 31) - 1
"""protobuf cannot hold a message of 2 GiB."""

_VARINT, _FIXED64, _BYTES, _START_GROUP, _END_GROUP, _FIXED32 = range(6)


class NotAModel(Exception):  # noqa: N818 - it reads as the sentence it carries
    """The file is not an ONNX model; the message is one sentence for the user."""


class WireError(ValueError):
    """The bytes are not a protobuf message; the message says what is wrong where, without the file's name."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of the model file, or of ``file``.

    ``default_location``: the tensor said ``data_location = DEFAULT`` in so many words.
    """

    offset: int
    length: int
    default_location: bool = False
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Stripped:
    """A model without its large payloads, and where in the file these lie (in file order)."""

    model: bytes
    spans: tuple[Span, ...]


Buffer = bytes | mmap.mmap
Piece = bytes | Span
TensorRewrite = Callable[[Buffer, int, int], list[Piece] | None]
"""Given a TensorProto's bytes ``[start, end)`` of a buffer, return what to write instead; None: leave it as it is."""


@dataclass(frozen=True, slots=True)
class _Message:
    """What of a message type is on the way to a tensor: field number → (type of the submessage, repeated?)."""

    name: str
    fields: dict[int, tuple["_Message", bool]]


_TENSOR = _Message("TensorProto", {})
_SPARSE = _Message("SparseTensorProto", {1: (_TENSOR, False), 2: (_TENSOR, False)})
_ATTRIBUTE = _Message("AttributeProto", {5: (_TENSOR, False), 10: (_TENSOR, True)})
_ATTRIBUTE.fields.update({22: (_SPARSE, False), 23: (_SPARSE, True)})
_NODE = _Message("NodeProto", {5: (_ATTRIBUTE, True)})
_GRAPH = _Message("GraphProto", {1: (_NODE, True), 5: (_TENSOR, True), 15: (_SPARSE, True)})
_ATTRIBUTE.fields.update({6: (_GRAPH, True), 11: (_GRAPH, True)})  # a repeated `g` merges list by list: harmless
_FUNCTION = _Message("FunctionProto", {7: (_NODE, True), 11: (_ATTRIBUTE, True)})
_TRAINING = _Message("TrainingInfoProto", {1: (_GRAPH, True), 2: (_GRAPH, True)})
_MODEL = _Message("ModelProto", {7: (_GRAPH, True), 20: (_TRAINING, True), 25: (_FUNCTION, True)})

RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 9, 13, 14
"""Fields of TensorProto."""


def strip(path: Path, threshold: int = THRESHOLD) -> Stripped:
    """Return the model in file ``path`` with each ``raw_data`` of ``threshold`` bytes or more left in the file.

    Raises:
        NotAModel: the file is empty, cut short or no protobuf message.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            raise NotAModel(f"{path.name} is empty.")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            spans: list[Span] = []
            location = path.name.encode()

            def leave(buffer: Buffer, start: int, end: int) -> list[Piece] | None:
                data.madvise(mmap.MADV_DONTNEED)  # the kernel maps far more than is touched; give it back as we go
                return _leave_payload(buffer, start, end, location, threshold, spans)

            try:
                pieces = rewrite(data, leave, threshold)
            except WireError as error:
                raise NotAModel(f"{path.name} is not an ONNX model or is damaged: {error}.") from None
            if sum(map(size, pieces)) > MAX_MESSAGE:
                raise NotAModel(f"{path.name} holds more than 2.15 GB besides raw weights, which protobuf cannot read.")
            return Stripped(b"".join(piece for piece in pieces if isinstance(piece, bytes)), tuple(spans))


def rewrite(data: Buffer, tensor: TensorRewrite, threshold: int) -> list[Piece]:
    """Return a serialised ModelProto in pieces, with every TensorProto that ``tensor`` cares about replaced.

    Messages smaller than ``threshold`` bytes are not looked into.

    Raises:
        WireError: a field runs past its message, or a tag, a varint or a group is malformed.
    """
    pieces = _message(data, 0, len(data), _MODEL, tensor, threshold, 0)
    return [data[:]] if pieces is None else pieces


def _message(
    data: Buffer, start: int, end: int, kind: _Message, tensor: TensorRewrite, threshold: int, depth: int
) -> list[Piece] | None:
    """Rewrite one message; None when nothing in it changed."""
    if kind is _TENSOR:
        return tensor(data, start, end)
    if depth > MAX_DEPTH:
        raise WireError(f"messages are nested more than {MAX_DEPTH} deep at byte {start}")
    pieces: list[Piece] = []
    kept = start  # everything before is in `pieces`
    once: set[int] = set()
    pos = start
    wanted = kind.fields
    while pos < end:
        field_start = pos
        field, wire_type, value, pos = read_field(data, pos, end)
        if wire_type != _BYTES or field not in wanted:
            continue
        child, repeated = wanted[field]
        if not repeated:
            if field in once:
                return None  # protobuf merges the two; a rewritten one would be merged with the other's bytes
            once.add(field)
        if pos - value < threshold:
            continue
        inner = _message(data, value, pos, child, tensor, threshold, depth + 1)
        if inner is not None:
            if kept < field_start:
                pieces.append(data[kept:field_start])
            pieces.append(header(field, sum(map(size, inner))))
            pieces.extend(inner)
            kept = pos
    if not pieces:
        return None
    if kept < end:
        pieces.append(data[kept:end])
    return pieces


def read_field(data: Buffer, pos: int, end: int) -> tuple[int, int, int, int]:
    """Read the field at ``pos``.

    Returns:
        Field number, wire type, where its value starts (after the length, for bytes) and where it ends.
    """
    start = pos
    tag = data[pos]
    pos += 1
    if tag & 0x80:
        tag, pos = read_varint(data, start, end)
    field, wire_type = tag >> 3, tag & 7
    if field == 0:
        raise WireError(f"field number 0 at byte {start}")
    if wire_type == _BYTES:
        if pos < end and data[pos] < 0x80:
            length = data[pos]
            pos += 1
        else:
            length, pos = read_varint(data, pos, end)
        stop = pos + length
        if stop > end:
            raise WireError(f"the field at byte {start} wants {length} bytes, but only {end - pos} are left")
        return field, wire_type, pos, stop
    if wire_type == _VARINT:
        return field, wire_type, pos, read_varint(data, pos, end)[1]
    if wire_type == _START_GROUP:
        return field, wire_type, pos, _skip_group(data, pos, end, field)
    if wire_type not in (_FIXED64, _FIXED32):
        raise WireError(f"wire type {wire_type} at byte {start} makes no sense there")
    stop = pos + (8 if wire_type == _FIXED64 else 4)
    if stop > end:
        raise WireError(f"the number at byte {start} is cut off")
    return field, wire_type, pos, stop


def read_varint(data: Buffer, pos: int, end: int) -> tuple[int, int]:
    """Return the unsigned varint at ``pos`` and the position after it (at most ten bytes long)."""
    value = 0
    for index in range(10):
        if pos + index >= end:
            raise WireError(f"the number at byte {pos} is cut off")
        byte = data[pos + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, pos + index + 1
    raise WireError(f"the number at byte {pos} never ends")


def _skip_group(data: Buffer, pos: int, end: int, field: int) -> int:
    """Return the position after the (deprecated) group ``field`` that was opened just before ``pos``."""
    opened = [field]
    while opened:
        if pos >= end:
            raise WireError(f"the group of field {opened[-1]} is not closed before byte {end}")
        start = pos
        tag, pos = read_varint(data, pos, end)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _START_GROUP:
            opened.append(number)
        elif wire_type == _END_GROUP:
            if opened.pop() != number:
                raise WireError(f"the group closed at byte {start} is not the one that was opened")
        else:
            pos = read_field(data, start, end)[3]
        if len(opened) > MAX_DEPTH:
            raise WireError(f"groups are nested more than {MAX_DEPTH} deep at byte {start}")
    return pos


def _leave_payload(
    data: Buffer, start: int, end: int, location: bytes, threshold: int, spans: list[Span]
) -> list[Piece] | None:
    """Rewrite a TensorProto whose ``raw_data`` is large into a reference to it; note the place in ``spans``."""
    raw: tuple[int, int, int] | None = None  # where the field starts, its value starts and ends
    default_location = False
    pos = start
    while pos < end:
        field_start = pos
        field, wire_type, value, pos = read_field(data, pos, end)
        if field == RAW_DATA and wire_type == _BYTES:
            if raw is not None:
                return None  # twice: the last one counts; leave the oddity to protobuf
            raw = (field_start, value, pos)
        elif field == EXTERNAL_DATA:
            return None
        elif field == DATA_LOCATION and wire_type == _VARINT:
            if read_varint(data, value, end)[0] != 0:
                return None
            default_location = True
    if raw is None or raw[2] - raw[1] < threshold:
        return None
    field_start, value, stop = raw
    spans.append(Span(value, stop - value, default_location))
    return [data[start:field_start] + data[stop:end] + reference_fields(location, value, stop - value)]


def reference_fields(location: bytes, offset: int, length: int) -> bytes:
    """Return the TensorProto fields ``external_data`` and ``data_location = EXTERNAL``."""
    entries = ((b"location", location), (b"offset", b"%d" % offset), (b"length", b"%d" % length))
    fields = [_field(EXTERNAL_DATA, _field(1, key) + _field(2, text)) for key, text in entries]
    return b"".join(fields) + _varint(DATA_LOCATION << 3 | _VARINT) + b"\x01"


def header(field: int, length: int) -> bytes:
    """Return what stands before the ``length`` bytes of field ``field``."""
    return _varint(field << 3 | _BYTES) + _varint(length)


def _field(field: int, value: bytes) -> bytes:
    return header(field, len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def size(piece: Piece) -> int:
    """Return how many bytes a piece comes to when written."""
    return piece.length if isinstance(piece, Span) else len(piece)
