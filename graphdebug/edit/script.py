"""An edit as a plain Python script that runs alone: ``python edit.py in.onnx out.onnx``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

import onnx

from graphdebug.edit import carried, surgeon
from graphdebug.edit.splice import Splice
from graphdebug.edit.statements import Statements
from graphdebug.edit.stored import StoredValues, way_to
from graphdebug.model.document import Model
from graphdebug.model.save import external_files
from graphdebug.model.value_types import shown

_INDENT = " " * 4


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """An operation that was done: what it is called, and what it changed."""

    title: str
    splices: Sequence[Splice]


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the files that lie beside it, by name: their bytes, or where these are."""

    text: str
    files: Mapping[str, bytes | Path]


def script(model: Model, steps: Iterable[ScriptStep]) -> Script:
    """Write what was done to ``model`` as a script.

    Raises:
        EditError: the edit moves values that no script can fetch.
    """
    steps = list(steps)
    if lost := surgeon.losses(_marked(model, StoredValues(model))):
        return _on_protobuf(model, steps, f"would lose: {', '.join(lost)}")
    try:
        return _on_surgeon(model, steps)
    except surgeon.UnsaidError as what:
        return _on_protobuf(model, steps, f"has no plain words for: {what}")


def _on_surgeon(model: Model, steps: Sequence[ScriptStep]) -> Script:
    """Write a script on a ``gs.Graph``.

    Raises:
        UnsaidError: that cannot be done, or the edit made what graphsurgeon would lose.
    """
    stored = StoredValues(model)
    statements = surgeon.SurgeonStatements(_marked(model, stored), stored)
    body = _body(statements, steps)
    if lost := surgeon.losses(statements.now):
        raise surgeon.UnsaidError(", ".join(lost))
    work = "\n".join([surgeon.BEGIN, *body, "", surgeon.END])
    return Script(_assembled(model, "onnx, numpy and onnx-graphsurgeon", [surgeon.FUNCTIONS], work), stored.files)


def _on_protobuf(model: Model, steps: Sequence[ScriptStep], reason: str) -> Script:
    """Write a script on the protobuf, which says in a comment why."""
    stored = StoredValues(model)
    statements = Statements(_marked(model, stored), stored)
    body = _body(statements, steps)
    why = f"# This works on the protobuf, for onnx-graphsurgeon {_one_line(reason)}."
    fetched, finish = _fetched(_marked(model, stored), stored), _finish(model, statements.now)
    work = "\n".join([why, _BEGIN, *fetched, *body, "", *finish, _END])
    functions: list[str] = []
    for each in reversed(_FUNCTIONS):  # each may call those before it
        if f"{each.__name__}(" in "\n".join([work, *functions]):
            functions.insert(0, inspect.getsource(each).rstrip())
    return Script(_assembled(model, "onnx and numpy", functions, work), stored.files)


def _body(statements: Statements, steps: Sequence[ScriptStep]) -> list[str]:
    """Return the statements of each step, under its title."""
    body: list[str] = []
    for step in steps:
        lines = [line for each in step.splices for line in statements.of(each)]
        body += ["", f"# {_one_line(step.title)}", *(lines or ["# (nothing to do)"])]
    return body


def _marked(model: Model, stored: StoredValues) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model.proto)
    return stored.marked(copy)


def _fetched(original: onnx.ModelProto, stored: StoredValues) -> list[str]:
    """Return the lines that keep the values of the model which move to other places."""
    if not stored.used:
        return []
    places = Statements(original, stored)
    ways = [way_to(original, values) or () for values in stored.used]
    return ["values = [", *(f"{_INDENT}{places.expression(way)}.raw_data," for way in ways), "]"]


def _finish(model: Model, after: onnx.ModelProto) -> list[str]:
    """Return the lines that see to values outside the model."""
    lines = []
    if names := external_files(model):
        lines += [
            f"for name in {list(names)}:  # they hold values of the model",
            f"{_INDENT}if source.parent.resolve() != target.parent.resolve():",
            f"{_INDENT * 2}(target.parent / name).parent.mkdir(parents=True, exist_ok=True)",
            f"{_INDENT * 2}shutil.copyfile(source.parent / name, target.parent / name)",
        ]
    if any(entry.key == carried.SAVE_TO for tensor in carried.tensors_of(after) for entry in tensor.external_data):
        lines.append("place_values(model, source, target)")
    return lines


def _assembled(model: Model, needs: str, functions: Sequence[str], work: str) -> str:
    said = "\n".join([*functions, work])
    imports = [line for name, line in _IMPORTS.items() if name in said]
    imports.insert(next(at for at, line in enumerate(imports) if "onnx" in line or "numpy" in line), "")
    constants = [line for name, line in _CONSTANTS.items() if name in said]
    head = _HEAD.format(name=_one_line(shown(model.path.name)), needs=needs)
    top = "\n".join(
        [head, "from __future__ import annotations", "", *imports, *([""] if constants else []), *constants]
    )
    return "\n\n\n".join([top, *functions, work]) + "\n"


def write(made: Script, folder: Path, name: str) -> tuple[str, ...]:
    """Write a script under ``name`` and the files that belong beside it; return their names, the script's first."""
    for each, content in made.files.items():
        if isinstance(content, bytes):
            (folder / each).write_bytes(content)
        else:
            copyfile(content, folder / each)
    (folder / name).write_text(made.text, encoding="utf-8")
    return (name, *made.files)


_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    carried.keys_of,
    carried.at,
    carried.find,
    carried.remove,
    carried.arrange,
    carried.tensors_of,
    carried.place_values,
)
_IMPORTS = {
    "shutil.": "import shutil",
    "sys.": "import sys",
    "Iterator[": "from collections.abc import Iterator",
    "Sequence[": "from collections.abc import Sequence",
    "Path": "from pathlib import Path",
    "Any": "from typing import Any",
    "np.": "import numpy as np",
    "onnx": "import onnx",
    "gs.": "import onnx_graphsurgeon as gs",
    "external_data_helper": "from onnx import external_data_helper",
    "helper.": "from onnx import helper",
    "numpy_helper.": "from onnx import numpy_helper",
}
"""What a script says of them when it needs them."""

_CONSTANTS = {"HERE": "HERE = Path(__file__).parent", "SAVE_TO": f'SAVE_TO = "{carried.SAVE_TO}"'}

_HEAD = '''\
"""Edits {name}: python edit.py in.onnx out.onnx

Written by graphdebug; needs {needs}.
"""
'''

_END = "target.write_bytes(model.SerializeToString())"

_BEGIN = """\
source, target = map(Path, sys.argv[1:])
model = onnx.load(source, load_external_data=False)
graph = model.graph"""


def _one_line(text: str) -> str:
    """Return a text that stays within a comment or docstring."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain.replace("\\", "/").replace('"""', "'''")
