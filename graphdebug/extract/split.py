"""The job that splits a model: the parts as files, a manifest that chains them, a runner, and the proof."""

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from graphdebug.edit.extraction import ExtractPart
from graphdebug.extract import runner
from graphdebug.extract.errors import ExtractError
from graphdebug.extract.part import learned_types, with_known_types, write_part
from graphdebug.extract.plan import Part, SplitPlan, at_values, by_scope, into_parts
from graphdebug.extract.proof import prove
from graphdebug.extract.records import (
    FEEDS_FILE,
    MANIFEST_FILE,
    PARTS_FOLDER,
    RUNNER_FILE,
    VERSION,
    Manifest,
    ManifestPart,
    SplitRequest,
    SplitResult,
    Trial,
)
from graphdebug.model.cutting import is_typed
from graphdebug.model.document import Model, open_model
from graphdebug.model.record_json import to_json
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.save import external_files
from graphdebug.model.value_types import shown
from graphdebug.runtime.events import Progress

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 40


def split_job(request: SplitRequest, folder: Path, progress: Progress) -> SplitResult:
    """Split a model into files below ``folder``, and prove it; a job function.

    Raises:
        ExtractError, EditError: the model cannot be split so, or the proof cannot run.
        NotAModel, SpecError: one sentence each.
        OSError: a file cannot be read or written.
    """
    started = time.perf_counter()
    progress(None, "inferring shapes")
    model = with_known_types(open_model(request.model))
    progress(None, "planning")
    plan = _plan(model, request)
    borders = dict.fromkeys(name for part in plan.parts for name in (*part.inputs, *part.outputs))
    unknown = [name for name in borders if not is_typed(model, MAIN_GRAPH, name)]
    learned = learned_types(request.model, unknown, request.feeds, request.backend, folder, progress)
    target = folder / PARTS_FOLDER
    target.mkdir()
    _refuse_names_in_the_way(model)
    manifest = _manifest(model, plan, request.name or model.path.name, learned)
    for at, (part, entry) in enumerate(zip(plan.parts, manifest.parts, strict=True)):
        progress(at / len(plan.parts), f"writing part {at + 1} of {len(plan.parts)}")
        given = {name: learned[name] for name in (*part.inputs, *part.outputs) if name in learned}
        write_part(model, ExtractPart(inputs=part.inputs, outputs=part.outputs), given, target / entry.file)
    (target / MANIFEST_FILE).write_text(to_json(manifest), encoding="utf-8")
    shutil.copyfile(runner.__file__, target / RUNNER_FILE)
    trials: tuple[Trial, ...] = ()
    notes = plan.notes
    if request.proof:
        trials, said = prove(model, manifest, request, target, progress)
        notes += said
    names = [MANIFEST_FILE, RUNNER_FILE, *(part.file for part in manifest.parts)]
    others = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    return SplitResult(
        manifest,
        tuple(dict.fromkeys((*names, *others))),
        trials,
        trials[0].same if trials else None,
        notes,
        time.perf_counter() - started,
    )


def _plan(model: Model, request: SplitRequest) -> SplitPlan:
    asked = [bool(request.at), bool(request.parts), bool(request.scopes or request.depth)]
    if sum(asked) != 1:
        raise ExtractError("Say one way to split: at values, into a number of parts, or by scope.")
    if request.at:
        return at_values(model, request.at)
    if request.parts:
        return into_parts(model, request.parts)
    return by_scope(model, request.scopes, request.depth)


def _refuse_names_in_the_way(model: Model) -> None:
    """Raise ExtractError if values of the model lie in a file that is called like one of ours."""
    for name in external_files(model):
        if name in (MANIFEST_FILE, RUNNER_FILE, FEEDS_FILE):
            raise ExtractError(f"Values of the model lie in a file {shown(name)}, which a split writes: rename it.")


def _manifest(model: Model, plan: SplitPlan, name: str, learned: Mapping[str, ValueType]) -> Manifest:
    index = model.graphs[MAIN_GRAPH]
    known = {**model.types[MAIN_GRAPH], **learned}

    def infos(names: Sequence[str]) -> tuple[ValueInfo, ...]:
        return tuple(ValueInfo(name, known.get(name, ValueType(kind="unknown"))) for name in names)

    width = len(str(len(plan.parts)))
    parts = tuple(
        ManifestPart(
            part.name,
            f"{at:0{max(2, width)}d}_{_file_name(part)}.onnx",
            infos(part.inputs),
            infos(part.outputs),
            len(part.nodes),
            len(part.copied),
        )
        for at, part in enumerate(plan.parts, 1)
    )
    ends = tuple(dict.fromkeys(name for name in index.outputs if name))
    return Manifest(VERSION, name, infos(index.inputs), infos(ends), parts)


def _file_name(part: Part) -> str:
    """Return a name that is safe on every file system: of a long one, the end, where names differ."""
    return _UNSAFE.sub("_", part.name)[-_LONGEST_NAME:].strip("._-") or "part"
