"""TensorRT on a page: what it takes of a model, building an engine here, and the layers of one beside the model."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import streamlit as st

from graphdebug.jobs import service
from graphdebug.runtime.backend import BackendSpec
from graphdebug.runtime.engine_records import ENGINE_JOB, ENGINE_LIMITS, LAYERS_FILE, EngineRequest, EngineResult
from graphdebug.runtime.registry import backend
from graphdebug.runtime.spec import SpecError
from graphdebug.runtime.tensorrt_options import PRECISIONS
from graphdebug.runtime.trust import code_allowed
from graphdebug.ui import state
from graphdebug.ui.last_feeds import remembered_feeds
from graphdebug.ui.results import engine_result, finished
from graphdebug.ui.words import plain, plural
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, ModelEntry

ENGINE = "engine"
MAKING = "graphdebug.side_by_side.making"
"""In the session: (a model's id, the job that makes what is to stand beside it)."""
_TRIED_FOR = 600
"""Seconds for which it is known whether TensorRT runs here."""


def engine_form(entry: ModelEntry) -> bool:
    """Offer to build an engine of the model here, or to ask what TensorRT takes of it; say what was built before.

    Returns whether something was started.
    """
    spec = _spec()
    why_not = _why_not(spec)
    left, right = st.columns(2)
    build = left.button(
        "Build the engine",
        icon=":material/build:",
        type="primary",
        disabled=why_not is not None,
        key=f"{ENGINE}:build",
        width="stretch",
    )
    look = right.button(
        "What does it take?",
        icon=":material/rule:",
        disabled=why_not is not None,
        key=f"{ENGINE}:support",
        width="stretch",
    )
    if why_not:
        st.caption(f":orange[{plain(why_not)}]")
    if build or look:
        return _start(entry, spec, build=build)
    newest = next(iter(finished(ENGINE, entry.id, 1)), None)
    if newest is not None:
        engine_said(entry, newest, "form")
    return False


def engine_said(entry: ModelEntry, job: JobEntry, place: str) -> None:
    """Say what came of an engine, with ways to look at it; ``place`` tells this from the same elsewhere."""
    try:
        found = engine_result(entry, job.id)
    except WorkspaceError as error:
        st.caption(f":orange[{plain(str(error))}]")
        return
    st.caption(plain(_sentence(found)))
    with st.container(horizontal=True, gap="small"):
        layers_button(entry, job.folder / LAYERS_FILE, "Layers beside the model", f"{ENGINE}:{place}:layers:{job.id}")
        if st.button("Colour what it takes", icon=":material/palette:", key=f"{ENGINE}:{place}:color:{job.id}"):
            state.go("graph", color=f"support:{job.id}")


def layers_button(entry: ModelEntry, layers: Path, label: str, key: str) -> None:
    """Offer to show an engine's layers beside the model, where a job left them."""
    if not layers.is_file():
        return
    if st.button(label, icon=":material/splitscreen_vertical_add:", key=key):
        try:
            st.session_state[MAKING] = entry.id, open_layers(entry, layers)
        except WorkspaceError as error:
            st.error(plain(str(error)))
            return
        state.go("side_by_side", words=None)


def open_layers(entry: ModelEntry, layers: Path) -> str:
    """Take in the layers that a job left; return the id of the job that does.

    Raises:
        WorkspaceError: the file cannot be read.
    """
    return service.open_engine_layers(state.workspace(), layers, Path(entry.name).stem)


def _sentence(found: EngineResult) -> str:
    support = found.support
    lacking = sum(len(part.nodes) for part in support.subgraphs if not part.supported)
    if not support.supported:
        first = next((each.message for each in support.complaints), "")
        return f"TensorRT {support.version} does not take {plural(lacking, 'node')}. {first}".strip()
    if not found.environment:
        return f"TensorRT {support.version} takes the whole model."
    told = [found.environment[key] for key in ("engine", "layers by type") if key in found.environment]
    return f"TensorRT {support.version}: {'; '.join(told)}."


def _spec() -> str:
    """Ask for what matters most; everything else can be said at a terminal."""
    left, right = st.columns([2, 3])
    precision = left.selectbox("Precision", PRECISIONS, key=f"{ENGINE}:precision")
    python = right.text_input(
        "Interpreter",
        key=f"{ENGINE}:python",
        placeholder="ours" if code_allowed() else "needs --allow-code",
        help="A Python that has TensorRT and numpy. It runs on this server, which must be started with --allow-code.",
        disabled=not code_allowed(),
    )
    options = {"precision": precision if precision != PRECISIONS[0] else "", "python": python.strip()}
    return str(BackendSpec("tensorrt", tuple((key, value) for key, value in options.items() if value)))


def _why_not(spec: str) -> str | None:
    """Return why TensorRT does not run here, empty while that is being found out, None where it does."""
    asked = _probe(spec)
    if asked.done():
        return asked.result() or None
    _wait(spec)
    return ""


@st.cache_resource(ttl=_TRIED_FOR, max_entries=16, show_spinner=False)
def _probe(spec: str) -> "Future[str]":
    """Have TensorRT tried, in a process of its own; the page does not wait."""

    def tried() -> str:
        try:
            return backend(spec).probe().reason
        except SpecError as error:
            return str(error)

    pool = ThreadPoolExecutor(1, thread_name_prefix="probe")
    asked = pool.submit(tried)
    pool.shutdown(wait=False)
    return asked


@st.fragment(run_every=0.5)
def _wait(spec: str) -> None:
    if _probe(spec).done():
        st.rerun()
    st.caption("Looking for TensorRT…")


def _start(entry: ModelEntry, spec: str, *, build: bool) -> bool:
    request = EngineRequest(entry.location, spec, build, dict(remembered_feeds(entry.id).dims))
    precision = spec.partition("precision=")[2].partition(",")[0] or PRECISIONS[0]
    title = f"{entry.name}, {precision}" if build else f"{entry.name}: what TensorRT takes"
    try:
        job_id = service.submit(
            state.workspace(), ENGINE, ENGINE_JOB, request, model_id=entry.id, title=title, limits=ENGINE_LIMITS
        )
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return False
    st.session_state[MAKING] = entry.id, job_id
    return True
