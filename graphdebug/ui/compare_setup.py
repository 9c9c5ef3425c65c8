"""The form that starts a comparison: two sides, a mode, the same feeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import streamlit as st

from graphdebug.compare.records import CompareRequest, Side
from graphdebug.model.records import ModelLocation, ValueInfo
from graphdebug.runtime.datasets import files_of
from graphdebug.runtime.requests import FeedSpec
from graphdebug.ui import state
from graphdebug.ui.backend_form import backend_form, missing_of, spec_title
from graphdebug.ui.feeds_form import feeds_form, missing_files
from graphdebug.ui.job_page import start_job
from graphdebug.ui.kept_files import ask_for_file
from graphdebug.ui.last_feeds import remember_feeds, remembered_feeds, usual_feeds
from graphdebug.ui.results import finished, run_request
from graphdebug.ui.selected import selected_tensors
from graphdebug.ui.words import plain, plural
from graphdebug.workspace.entries import ModelEntry

_OFF, _ALL, _REFERENCE, _TORCH = "onnxruntime:opt=disable", "onnxruntime", "reference", "torch"
_MODES = {
    "isolated": "Every tensor of the model is exposed on both sides. All are compared; engines fuse less than usual.",
    "deployed": "Each engine optimises first; compared is what survives. Nothing of the deployed graph is changed.",
}
_WHAT = {"model": "This model", "other": "Another model", "run": "Saved run", "file": "Tensors in a file"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a side's form starts from or answers: a model of the workspace on a backend, or recorded tensors.

    ``run`` is the id of a saved run, ``file`` the path of an .npz from anywhere.
    """

    what: str = "model"
    spec: str = _ALL
    model: str | None = None
    run: str | None = None
    file: str = ""

    @property
    def recorded(self) -> bool:
        """Say whether the tensors are there already and nothing will run."""
        return self.what in ("run", "file")


_PRESETS: Mapping[str, tuple[Chosen, Chosen]] = {
    "Optimisation off vs all": (Chosen(spec=_OFF), Chosen(spec=_ALL)),
    "Reference vs ONNX Runtime": (Chosen(spec=_REFERENCE), Chosen(spec=_ALL)),
    "PyTorch vs ONNX Runtime": (Chosen(spec=_TORCH), Chosen(spec=_ALL)),
    "This model vs another": (Chosen(spec=_ALL), Chosen(what="other", spec=_ALL)),
}


def compare_setup(entry: ModelEntry) -> None:
    """Ask for everything a comparison needs and start it; then open it."""
    generation, (reference, candidate) = _start_values(entry)
    with st.container(horizontal=True, gap="xsmall"):
        for label, sides in _PRESETS.items():
            st.button(label, key=f"preset:{label}", on_click=_preset, args=sides)
    asked = []
    starts = (("Reference", reference), ("Candidate", candidate))
    with st.container(horizontal=True, gap="small", key="compare-sides"):
        for title, start in starts:
            with st.container():
                asked.append(_side(entry, title, start, f"compare:{generation}:{title}"))
    mode = "isolated" if all(side.recorded for side in asked) else _mode()
    tensors = _selected(entry)
    feeds = _feeds(entry, asked)
    first, second = (_to_side(entry, side) for side in asked)
    ready = first is not None and second is not None and not missing_files(feeds)
    ready = ready and not any(missing_of(side.spec) for side in asked if not side.recorded)
    if st.button("Compare", type="primary", icon=":material/compare_arrows:", disabled=not ready, width="stretch"):
        assert first is not None and second is not None
        request = CompareRequest(first, second, mode, feeds, tensors or None)
        what = f"{plural(len(tensors), 'tensor')} of {entry.name}" if tensors else entry.name
        title = f"{what}: {_title(asked[0])} vs {_title(asked[1])}"
        start_job("compare", request, entry, title if mode == "isolated" else f"{title}, as deployed")


def _mode() -> str:
    titles = {"isolated": "isolated", "deployed": "as deployed"}
    return st.radio(
        "Mode", list(_MODES), captions=list(_MODES.values()), format_func=titles.__getitem__, key="compare:mode"
    )


def _selected(entry: ModelEntry) -> tuple[str, ...]:
    """Ask whether to compare only what is selected in the graph; return its tensors, () for all tensors."""
    tensors = selected_tensors(entry)
    if not tensors:
        return ()
    only = st.checkbox(
        f"Only the selected {plural(len(tensors), 'tensor')}",
        key="compare:selected",
        help="What the nodes selected in the graph make. Select others by Shift-click, or drag around them with Shift.",
    )
    return tensors if only else ()


def _start_values(entry: ModelEntry) -> tuple[int, tuple[Chosen, Chosen]]:
    """Return what the two sides start from, with a number that changes when a preset was pressed."""
    run = st.session_state.pop("compare:with-run", None)
    if run is not None:
        another = next((job.id for job in finished("run", entry.id) if job.id != run), None)
        _preset(Chosen("run", run=run), Chosen("run", run=another) if another else Chosen(spec=_OFF))
    values: tuple[int, tuple[Chosen, Chosen]] = st.session_state.get(
        "compare:start", (0, (Chosen(spec=_OFF), Chosen(spec=_ALL)))
    )
    return values


def _preset(reference: Chosen, candidate: Chosen) -> None:
    generation = st.session_state.get("compare:start", (0, None))[0] + 1
    st.session_state["compare:start"] = (generation, (reference, candidate))


def _side(entry: ModelEntry, title: str, start: Chosen, key: str) -> Chosen:
    """Ask for one side."""
    with st.container(border=True, gap="small"):
        what = st.selectbox(
            title, list(_WHAT), list(_WHAT).index(start.what), format_func=_WHAT.__getitem__, key=f"{key}:what"
        )
        if what == "run":
            return Chosen("run", run=_run(entry, start.run, key))
        if what == "file":
            st.caption("An .npz with the tensors under their names.")
            return Chosen("file", file=ask_for_file(state.workspace(), ["npz"], start.file, f"{key}:file"))
        model = _other_model(entry, start.model, key) if what == "other" else entry.id
        return Chosen(what, backend_form(start.spec, key, narrow=True), model)


def _other_model(entry: ModelEntry, start: str | None, key: str) -> str | None:
    models = {other.id: other for other in state.workspace().models() if other.id != entry.id}
    if not models:
        st.caption(":orange[There is no other model in the workspace: open one first.]")
        return None
    ids = list(models)
    labels = distinct({other.id: (other.name, other.created) for other in models.values()})
    return st.selectbox(
        "Model",
        ids,
        ids.index(start) if start in models else 0,
        format_func=labels.__getitem__,
        key=f"{key}:model",
        help="Tensors are paired by name.",
    )


def _run(entry: ModelEntry, start: str | None, key: str) -> str | None:
    """Ask for a run, those of the open model first."""
    runs = {job.id: job for job in sorted(finished("run"), key=lambda job: job.model_id != entry.id)}
    if not runs:
        st.caption(":orange[There is no finished run: record tensors on the Tensors page first.]")
        return None
    ids = list(runs)
    labels = distinct({job.id: (job.title, job.created) for job in runs.values()})
    return st.selectbox(
        "Run",
        ids,
        ids.index(start) if start in runs else 0,
        format_func=labels.__getitem__,
        key=f"{key}:run",
    )


def distinct(entries: Mapping[str, tuple[str, datetime]]) -> dict[str, str]:
    """Return a label by id for entries with a name and a time: its name, with what tells it from others of that name.

    A select box knows its options by their labels only: of two with one label it takes the first, whichever was chosen.
    """
    names = Counter(name for name, _ in entries.values())
    dated = {
        key: name if names[name] == 1 else f"{name}, {moment.astimezone():%b %d %H:%M:%S}"
        for key, (name, moment) in entries.items()
    }
    taken = Counter(dated.values())
    return {key: label if taken[label] == 1 else f"{label}, {key}" for key, label in dated.items()}


def _feeds(entry: ModelEntry, asked: list[Chosen]) -> FeedSpec:
    """Ask what both sides are fed with. A side that runs beside recorded tensors takes what these were made from."""
    recorded = [side for side in asked if side.recorded]
    if len(recorded) == 2:
        _warn_of_runs(recorded)
        return FeedSpec()
    inputs = entry.record.summary.inputs
    if not inputs:
        return FeedSpec()
    for side in recorded:
        if feeds := _fed(side, inputs):
            st.caption("The other side is fed with the same inputs.")
            return feeds
    with st.expander("Inputs", icon=":material/input:"):
        usual = usual_feeds(entry.id, entry)
        feeds = feeds_form(state.workspace(), inputs, remembered_feeds(entry.id), f"compare:feeds:{entry.id}", usual)
    remember_feeds(entry.id, feeds)
    for name in missing_files(feeds):
        st.warning(f"Choose a file for input {plain(name)}.", icon=":material/upload_file:")
    return feeds


def _fed(side: Chosen, inputs: Sequence[ValueInfo]) -> FeedSpec | None:
    """Return what recorded tensors were made from; None when nothing tells."""
    if side.run:
        job = state.workspace().job(side.run)
        request = run_request(job) if job is not None else None
        if job is None or request is None:
            return None
        arrays = {value.name for value in inputs if value.type.kind == "tensor"}  # all that feeds.npz can hold
        others = {name: feed for name, feed in request.feeds.inputs.items() if name not in arrays}
        return replace(request.feeds, dataset=str(job.folder / "feeds.npz"), inputs=others)
    try:
        found = files_of(Path(side.file), [value.name for value in inputs]) if side.file else {}
    except (ValueError, OSError):
        return None
    return FeedSpec(dataset=side.file) if len(found) == len(inputs) else None


def _warn_of_runs(sides: Sequence[Chosen]) -> None:
    """Say where two recorded sides cannot tell anything of an engine."""
    if sides[0] == sides[1] and (sides[0].run or sides[0].file):
        st.warning("Both sides are the same tensors: choose another.", icon=":material/warning:")
        return
    runs = [job for side in sides if side.run and (job := state.workspace().job(side.run))]
    requests = [request for job in runs if (request := run_request(job))]
    if len(requests) == 2 and requests[0].feeds != requests[1].feeds:
        st.warning("These two runs were fed differently: their tensors will differ.", icon=":material/warning:")


def _to_side(entry: ModelEntry, asked: Chosen) -> Side | None:
    """Return the side as the engine wants it; None when the form is not complete."""
    if asked.what == "run":
        job = state.workspace().job(asked.run) if asked.run else None
        return Side(f"file:path={job.folder / 'tensors.npz'}", _location(entry, job.model_id)) if job else None
    if asked.what == "file":
        return Side(f"file:path={asked.file}", entry.location) if asked.file else None
    location = _location(entry, asked.model)
    return Side(asked.spec, location) if location is not None else None


def _location(entry: ModelEntry, model_id: str | None) -> ModelLocation | None:
    model = entry if model_id == entry.id else state.workspace().model(model_id) if model_id else None
    return model.location if model is not None else None


def _title(asked: Chosen) -> str:
    if asked.what == "run":
        job = state.workspace().job(asked.run) if asked.run else None
        return f"run “{job.title}”" if job else "a run"
    if asked.what == "file":
        return Path(asked.file).name
    other = state.workspace().model(asked.model) if asked.what == "other" and asked.model else None
    return f"{other.name} on {spec_title(asked.spec)}" if other else spec_title(asked.spec)
