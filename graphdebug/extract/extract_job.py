"""The job that makes a model of a part of another: by values, by a module scope or around a node."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import UnknownTypeError
from graphdebug.edit.extraction import ExtractPart, InputType
from graphdebug.edit.job import write_edited, write_script
from graphdebug.edit.operation import Edited, edited
from graphdebug.edit.recipe import Recipe, to_json
from graphdebug.edit.script import ScriptStep
from graphdebug.edit.storing import MakeExternal
from graphdebug.edit.targets import value_target
from graphdebug.extract.part import learned_types
from graphdebug.extract.places import ends_of, nodes_around, nodes_in_scope, value_called
from graphdebug.model.check import every_finding
from graphdebug.model.document import Model, open_model
from graphdebug.model.records import Finding, ModelLocation, Severity
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.save import external_files
from graphdebug.model.shapes import infer
from graphdebug.runtime.events import Progress
from graphdebug.runtime.requests import FeedSpec

EXTRACT_JOB = "graphdebug.extract.extract_job:extract_job"
_BACKEND = "onnxruntime:opt=disable"
"""What tells types: as the model stands, so that each value is there."""


@dataclass(frozen=True, slots=True)
class ExtractRequest:
    """Make a model of a part.

    Args:
        model: the model; it is not touched.
        output: the file that will be written, in the end.
        inputs, outputs: names of values: where the part begins and ends.
        graph: the path of the graph that names are of.
        scope: a module scope instead: what enters and leaves it is added to the inputs and outputs.
        node, hops: the name of a node instead, and how many edges around it.
        keep_unused: inputs on which nothing depends stay.
        types: element types and shapes of inputs and outputs, where they are not known.
        learn: what to feed the whole for one run that tells types which are not known; None: they are refused.
        script: the name of a script that does the same, to be written too; none when it is empty.
    """

    model: ModelLocation
    output: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    graph: str = MAIN_GRAPH
    scope: str = ""
    node: str = ""
    hops: int = 0
    keep_unused: bool = False
    types: Mapping[str, InputType] = field(default_factory=dict)
    learn: FeedSpec | None = None
    script: str = ""


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """What was cut out: how many ``nodes`` of ``of``, and what the user should know of it.

    ``recipe`` is the same cut as a recipe for other exports. ``broken``: what is wrong with the part and was not with
    the whole; then nothing is written. ``files`` go beside the output, ``script`` are the files of the script.
    """

    title: str
    nodes: int
    of: int
    recipe: str
    notes: tuple[str, ...] = ()
    broken: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()
    script: tuple[str, ...] = ()


def extract_job(request: ExtractRequest, folder: Path, progress: Progress) -> ExtractResult:
    """Cut a part out of a model file and write it into ``folder`` under the output's name; a job function.

    Raises:
        EditError: there is no such part; the sentence says what is missing.
        NotAModel: the file is no ONNX model.
        OSError: a file cannot be read or written.
    """
    values, files, scripts = folder / "values", folder / "files", folder / "script"
    for made in (values, files, scripts):
        made.mkdir()
    progress(None, "reading the structure")
    opened = open_model(request.model)
    model = Model(opened.proto, opened.path, values=values)
    operation = operation_of(model, request)
    progress(None, "cutting")
    operation, done = _cut(model, operation, request, folder, progress)
    steps = [ScriptStep(operation.title, done.splices)]
    final = done.model
    if external_files(final) and Path(request.output).parent.resolve() != model.path.parent.resolve():
        # Elsewhere the whole files would be copied, for what may be few of their values.
        gather = MakeExternal(file=f"{Path(request.output).name}.data", gather=True)
        gathered = edited(final, gather)
        steps.append(ScriptStep(gather.title, gathered.splices))
        final = gathered.model
    progress(None, "checking")
    broken = _broken(model, done.model)
    result = ExtractResult(
        operation.title,
        len(done.model.proto.graph.node),
        len(model.proto.graph.node),
        to_json(Recipe((operation,))),
        done.notes,
        broken,
    )
    if broken:
        return result
    progress(None, "writing")
    return replace(
        result,
        files=write_edited(final, request.output, files),
        script=write_script(model, steps, request.script, scripts),
    )


def operation_of(model: Model, request: ExtractRequest) -> ExtractPart:
    """Return the operation that is asked for; its values are told so that they are found in another export, too.

    Raises:
        EditError: a value, scope, node or graph is not there.
    """
    editor = Editor(model)
    index = editor.graph(request.graph)
    starts = [value_called(model, request.graph, name) for name in request.inputs]
    ends = [value_called(model, request.graph, name) for name in request.outputs]
    if request.scope or request.node:
        nodes = (
            nodes_in_scope(index, request.scope) if request.scope else nodes_around(index, request.node, request.hops)
        )
        entering, leaving = ends_of(model, request.graph, nodes)
        starts += [ref for ref in entering if ref not in starts]
        ends += [ref for ref in leaving if ref not in ends]
    return ExtractPart(
        inputs=tuple(value_target(editor, ref) for ref in starts),
        outputs=tuple(value_target(editor, ref) for ref in ends),
        keep_unused=request.keep_unused,
        types=dict(request.types),
    )


def _cut(
    model: Model, operation: ExtractPart, request: ExtractRequest, folder: Path, progress: Progress
) -> tuple[ExtractPart, Edited]:
    """Cut; if types are to be learned, learn those of the inputs, then those of the outputs that do not follow.

    Dimensions are left open: other feeds have others.
    """
    for _ in range(2):
        try:
            return operation, edited(model, operation)
        except UnknownTypeError as error:
            if request.learn is None or request.graph != MAIN_GRAPH:
                raise
            found = learned_types(request.model, error.names, request.learn, _BACKEND, folder, progress)
        types = {name: InputType(kind.dtype, kind.shape) for name, kind in found.items() if kind.dtype}
        operation = msgspec.structs.replace(operation, types=types | operation.types)
    return operation, edited(model, operation)


def _broken(before: Model, after: Model) -> tuple[Finding, ...]:
    """Return the errors of a model that another does not have; the other is looked at only if there are any."""
    found = _errors(after)
    known = {(each.code, each.message) for each in _errors(before)} if found else set()
    return tuple(each for each in found if (each.code, each.message) not in known)


def _errors(model: Model) -> list[Finding]:
    return [each for each in every_finding(model, {}, infer(model).complaints) if each.severity is Severity.ERROR]
