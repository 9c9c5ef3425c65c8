"""Whether one value can stand for another: by their types, as far as they are known."""

from graphdebug.edit.editor import Editor
from graphdebug.model.records import Dim, ValueType
from graphdebug.model.value_types import declared_type, shown


def value_type(editor: Editor, path: str, name: str) -> ValueType | None:
    """Return the type of a value: declared now, else what was inferred before the edit; None when unknown."""
    declared = declared_type(editor.message(path), name)
    return declared or editor.source.types.get(path, {}).get(name)


def misfit(editor: Editor, path: str, old: str, new: str) -> str | None:
    """Say why value ``new`` cannot stand for ``old``, None when nothing speaks against it."""
    before, after = value_type(editor, path, old), value_type(editor, path, new)
    if before is None or after is None or _fits(before, after):
        return None
    return f"{shown(new)} is {_text(after)} and {shown(old)} is {_text(before)}"


def disagreement(given: ValueType | None, wanted: ValueType | None) -> str | None:
    """Say how a type differs from the one that is wanted (``is int64 3 and not float 3``), None when it need not."""
    if given is None or wanted is None or _fits(given, wanted):
        return None
    return f"is {_text(given)} and not {_text(wanted)}"


def _fits(one: ValueType, other: ValueType) -> bool:
    if one.kind != other.kind and "unknown" not in (one.kind, other.kind):
        return False
    if one.dtype and other.dtype and one.dtype != other.dtype:
        return False
    if one.shape is None or other.shape is None:
        return True
    return len(one.shape) == len(other.shape) and all(map(_dims_fit, one.shape, other.shape))


def _dims_fit(one: Dim, other: Dim) -> bool:
    return not (isinstance(one, int) and isinstance(other, int)) or one == other


def _text(known: ValueType) -> str:
    kind = known.dtype or "of unknown type"
    if known.kind not in ("tensor", "unknown"):
        kind = f"{known.kind} of {kind}"
    if known.shape is None:
        return kind
    return f"{kind} {'×'.join('?' if dim is None else str(dim) for dim in known.shape) or 'scalar'}"
