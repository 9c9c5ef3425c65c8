"""The proof of a split: parts and whole run on the same feeds, and what they give is held against each other."""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from graphdebug.extract.difference import difference
from graphdebug.extract.errors import ExtractError
from graphdebug.extract.part import feed_archive
from graphdebug.extract.records import FEEDS_FILE, Manifest, SplitRequest, Trial
from graphdebug.model.cutting import listed
from graphdebug.model.document import Model, open_model
from graphdebug.runtime.backend import Backend, BackendError, BackendSpec, Mode, Value
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import FeedError, check_dims, make_feeds, suggest
from graphdebug.runtime.registry import backend
from graphdebug.runtime.slices import RANDOM
from graphdebug.runtime.spec import parse_spec
from graphdebug.runtime.taps import model_inputs

_HALF = ("float16", "bfloat16")


def prove(
    model: Model, manifest: Manifest, request: SplitRequest, folder: Path, progress: Progress
) -> tuple[tuple[Trial, ...], tuple[str, ...]]:
    """Run parts and whole: without optimisation, where the backend has any, then as asked.

    The feeds are kept beside the parts in ``folder``. Returns what came of it and sentences that explain it.

    Raises:
        ExtractError: the proof cannot run.
        SpecError, DimError: there is no such backend or dimension.
    """
    inputs = model_inputs(model)
    check_dims(request.feeds, inputs)
    try:
        feeds = make_feeds(inputs, request.feeds, suggest(model))
        feed_archive(feeds, folder / FEEDS_FILE)
        case = _Case(model, manifest, feeds, folder, progress)
        trials = tuple(case.trial(backend(spec)) for spec in _specs(request.backend))
    except (BackendError, FeedError) as error:
        raise ExtractError(f"{error} The proof needs a run: split without one, or change what it runs on.") from error
    return trials, () if trials[0].same else _why(model, manifest)


def _specs(asked: str) -> list[BackendSpec]:
    """Return the settings to try: ONNX Runtime's without optimisation first."""
    spec = parse_spec(asked)
    if spec.name != "onnxruntime" or spec.get("opt") == "disable":
        return [spec]
    others = (option for option in spec.options if option[0] != "opt")
    return [BackendSpec(spec.name, (*others, ("opt", "disable"))), spec]


@dataclass(frozen=True, slots=True)
class _Case:
    """A whole, its parts in ``folder``, and what both are fed."""

    model: Model
    manifest: Manifest
    feeds: Mapping[str, Value]
    folder: Path
    progress: Progress

    def trial(self, runner: Backend) -> Trial:
        """Run both and compare."""
        started = time.perf_counter()
        whole = self._run_whole(runner)
        between = time.perf_counter()
        parts = self._run_parts(runner)
        ended = time.perf_counter()
        outputs = tuple(difference(name, value, parts[name]) for name, value in whole.items())
        return Trial(str(runner.spec), outputs, between - started, ended - between)

    def _run_whole(self, runner: Backend) -> dict[str, Value]:
        self.progress(None, f"running the whole model on {runner.spec}")
        with closing(runner.prepare(self.model, Mode.PLAIN)) as session:
            return session.infer(self.feeds, session.outputs)

    def _run_parts(self, runner: Backend) -> dict[str, Value]:
        """Run the parts one after the other; what no later part needs is dropped at once."""
        parts = self.manifest.parts
        last = {value.name: at for at, part in enumerate(parts) for value in part.inputs}
        last.update((value.name, len(parts)) for value in self.manifest.outputs)
        values = dict(self.feeds)
        for at, part in enumerate(parts):
            self.progress(at / len(parts), f"running part {at + 1} of {len(parts)} on {runner.spec}")
            model = open_model(self.folder / part.file)
            with closing(runner.prepare(model, Mode.PLAIN)) as session:
                values |= session.infer(values, session.outputs)
            values = {name: value for name, value in values.items() if last.get(name, -1) > at}
        return values


def _why(model: Model, manifest: Manifest) -> tuple[str, ...]:
    """Return what is known to make parts give something else without anything being wrong with them."""
    said = []
    if drawn := _random_nodes(model):
        draw = "draws" if len(drawn) == 1 else "draw"
        said.append(f"{listed(drawn)} {draw} random numbers, other ones in the parts than in the whole.")
    passing = dict.fromkeys(value for part in manifest.parts for value in part.inputs if value not in manifest.inputs)
    if half := [value.name for value in passing if value.type.dtype in _HALF]:
        said.append(
            f"Half precision passes from part to part ({listed(half)}): where an engine computes it in float32, as "
            "ONNX Runtime does on CPUs, it rounds where a part ends and not in between."
        )
    return tuple(said)


def _random_nodes(model: Model) -> list[str]:
    """Return the nodes, nested ones included, that draw random numbers."""
    return [
        name
        for index in model.graphs.values()
        for name, node in zip(index.names, index.nodes, strict=True)
        if node.op_type in RANDOM and node.domain in ("", "ai.onnx")
    ]
