"""Jobs that edit: a model file by a recipe, checked and written if it is sound; and heavy operations on a draft."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from graphdebug.edit.checking import check_edit
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import edited
from graphdebug.edit.operations import decode
from graphdebug.edit.recipe import Recipe, from_json, replay
from graphdebug.edit.script import ScriptStep, script, write
from graphdebug.model.check import every_finding
from graphdebug.model.document import Model, open_model
from graphdebug.model.external import local_path
from graphdebug.model.records import Finding, ModelLocation, Severity
from graphdebug.model.save import external_files, save
from graphdebug.model.shapes import infer
from graphdebug.model.value_types import shown

EDIT_JOB = "graphdebug.edit.job:edit_job"
APPLY_JOB = "graphdebug.edit.job:apply_job"

SPLICES_FILE = "splices.msgpack"
"""In the folder of an `apply_job`: what each operation did, a tuple of tuples of Splice."""


@dataclass(frozen=True, slots=True)
class EditRequest:
    """Edit a model.

    Args:
        model: the model; it is not touched.
        recipe: a recipe as JSON; none when it is empty.
        operations: further operations, each as JSON.
        files: the folder of the files that operations name.
        output: the file that will be written, in the end; nothing is written when it is empty.
        broken: write it also when the edit broke something.
        script: the name of a script that does the same, to be written too; none when it is empty.
    """

    model: ModelLocation
    recipe: str
    operations: tuple[str, ...]
    files: str
    output: str = ""
    broken: bool = False
    script: str = ""


@dataclass(frozen=True, slots=True)
class EditStep:
    """One operation that was done, and what the user should know of it."""

    title: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EditResult:
    """What was done and what the live check says of it; ``broken``: what is wrong with the model since then.

    ``files`` are the files to be moved beside the output, the model's own first; none when it was not written.
    ``script`` are the files of the script, itself first.
    """

    steps: tuple[EditStep, ...]
    findings: tuple[Finding, ...] = ()
    broken: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()
    script: tuple[str, ...] = ()


def edit_job(request: EditRequest, folder: Path, progress: Callable[[float | None, str], None]) -> EditResult:
    """Edit a model and write it into ``folder`` under the output's name; a job function.

    Raises:
        EditError: the recipe is none or cannot be done, or the output is one of the model's own files.
        NotAModel: the file is no ONNX model.
        OSError: a file cannot be read or written.
    """
    recipe = from_json(request.recipe) if request.recipe else Recipe()
    operations = (*recipe.operations, *map(decode, request.operations))
    progress(None, "reading the structure")
    values, files, scripts = folder / "values", folder / "files", folder / "script"
    for made in (values, files, scripts):
        made.mkdir()
    opened = open_model(request.model)
    model = Model(opened.proto, opened.path, values=values)
    if not operations:
        same = write_edited(model, request.output, files)
        return EditResult((), files=same, script=write_script(model, (), request.script, scripts))
    progress(None, "inferring shapes")
    before = infer(model)
    model = model.with_types(before.types)
    progress(None, "editing")
    done = replay(model, operations, Path(request.files))
    progress(None, "checking")
    live = check_edit(model, done.model, done.splices).findings
    after = infer(done.model)
    known = {_said(each) for each in every_finding(model, {}, before.complaints)}
    whole = every_finding(done.model, {}, after.complaints)
    errors = [each for each in (*live, *whole) if each.severity is Severity.ERROR and _said(each) not in known]
    broken = tuple({_said(each): each for each in errors}.values())
    steps = tuple(EditStep(each.title, step.notes) for each, step in zip(operations, done.steps, strict=True))
    progress(None, "writing")
    if broken and not request.broken:
        return EditResult(steps, live, broken)
    changes = [ScriptStep(each.title, step.splices) for each, step in zip(operations, done.steps, strict=True)]
    beside = write_script(model, changes, request.script, scripts)
    return EditResult(steps, live, broken, write_edited(done.model, request.output, files), beside)


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """Do operations (each as JSON) on a model as it is now. Large new values go to the model's folder of values.

    ``files`` is the folder of the files that the operations name.
    """

    model: ModelLocation
    operations: tuple[str, ...]
    files: str = ""


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What was done, operation by operation. The splices are in the file `SPLICES_FILE`."""

    steps: tuple[EditStep, ...]


def apply_job(request: ApplyRequest, folder: Path, progress: Callable[[float | None, str], None]) -> ApplyResult:
    """Do operations, of which some run foreign code (`Operation.heavy`), all or none; a job function.

    Raises:
        EditError: one cannot be done.
        NotAModel: what was kept of the model is none.
        OSError: a file cannot be read or written.
    """
    operations = [decode(each) for each in request.operations]
    progress(None, "reading the structure")
    model = open_model(request.model)
    steps, splices = [], []
    for number, operation in enumerate(operations):
        progress(number / len(operations), operation.title)
        done = edited(model, operation, files=Path(request.files) if request.files else None)
        steps.append(EditStep(operation.title, done.notes))
        splices.append(done.splices)
        model = done.model
    (folder / SPLICES_FILE).write_bytes(msgspec.msgpack.encode(splices))
    return ApplyResult(tuple(steps))


def _said(finding: Finding) -> tuple[str, str]:
    """Return what tells an error from others: not its node's position, which an edit may change."""
    return finding.code, finding.message


def write_script(model: Model, steps: Sequence[ScriptStep], name: str, folder: Path) -> tuple[str, ...]:
    """Write a script called ``name`` (none when it is empty) into ``folder``; return its files, itself first."""
    return write(script(model, steps), folder, name) if name else ()


def write_edited(model: Model, target: str, folder: Path) -> tuple[str, ...]:
    """Write the model that goes to ``target`` (nowhere when it is empty); return its files, relative to ``folder``.

    Raises:
        EditError: the target is a file of the model that was edited.
    """
    if not target:
        return ()
    output = Path(target)
    own = [model.path, *(local_path(model.path, name) for name in external_files(model))]
    if output.resolve() in {path.resolve() for path in own}:
        raise EditError(f"{shown(output.name)} is a file of the model that is edited: write to another one.")
    save(model, folder / output.name, output.parent)
    others = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return (output.name, *sorted(name for name in others if name != output.name))
