"""What a deployment check found: targets side by side, findings by rule, a way to each place, and the remedies."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.deploy.records import MEANINGS, DeployFinding, DeployResult, TargetResult
from graphdebug.deploy.remedies import operations
from graphdebug.deploy.targets import OFFERED, parse_target
from graphdebug.edit.errors import EditError
from graphdebug.model.records import Finding, Severity
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.spec import SpecError
from graphdebug.ui import edit_session, state
from graphdebug.ui.check_session import start_check
from graphdebug.ui.graph_view.component import Overlay
from graphdebug.ui.graph_view.overlays import overlay_of_data
from graphdebug.ui.row_choice import ROW_MODES, chosen_row, mark_row
from graphdebug.ui.table_height import table_height
from graphdebug.ui.words import breakable, plain, plural
from graphdebug.view.node_data import findings_of
from graphdebug.workspace.entries import ModelEntry

_SHOWN = 3
_LINES = 8
_SIGNS = {
    Severity.ERROR: (":material/error:", "red"),
    Severity.WARNING: (":material/warning:", "orange"),
    Severity.INFO: (":material/info:", "blue"),
}
_SHORT = {Severity.ERROR: "Stops", Severity.WARNING: "Differs", Severity.INFO: "Notes"}
_CHOSEN = "graphdebug.check.chosen"
_USUAL = ("onnxruntime", "tensorrt:version=10.15")


def check_setup(entry: ModelEntry) -> None:
    """Ask for targets, and start a check."""
    targets = st.multiselect(
        "Targets",
        OFFERED,
        _USUAL,
        key="check:targets",
        accept_new_options=True,
        help="Choose some, or type one, such as tensorrt:version=10.9,precision=fp16.",
    )
    problems = [problem for text in targets if (problem := _problem(text))]
    for problem in problems:
        st.error(plain(problem))
    ready = bool(targets) and not problems
    if st.button("Check", icon=":material/fact_check:", type="primary", disabled=not ready, key="check:start"):
        start_check(entry, targets)
        st.rerun()


def _problem(text: str) -> str:
    try:
        parse_target(text)
    except SpecError as error:
        return str(error)
    return ""


def targets_table(result: DeployResult) -> TargetResult | None:
    """Show how many findings there are at each target, and return the one whose findings are shown: a click chooses."""
    targets, key = result.targets, "check:counts"
    if not targets:
        return None
    specs = [target.target for target in targets]
    worst = max(targets, key=lambda target: [target.count(severity) for severity in Severity]).target
    shown = st.session_state.get(_CHOSEN)
    at = specs.index(shown if shown in specs else worst)

    def choose() -> None:
        clicked = chosen_row(key, at)
        if clicked is not None:
            st.session_state[_CHOSEN] = specs[clicked]

    mark_row(key, at)
    counts = {severity: [f"{target.count(severity) or '–'}" for target in targets] for severity in Severity}
    st.dataframe(
        pd.DataFrame(
            {"target": [target.title for target in targets], **{str(each): found for each, found in counts.items()}}
        ),
        hide_index=True,
        height=table_height(len(targets), _LINES),
        column_config={
            "target": st.column_config.TextColumn("Target", width=140),
            **{
                str(each): st.column_config.TextColumn(title, width=50, help=MEANINGS[each])
                for each, title in _SHORT.items()
            },
        },
        on_select=choose,
        selection_mode=ROW_MODES,
        key=key,
    )
    return targets[at]


def verdict(target: TargetResult) -> None:
    """Say in a sentence how it stands with a target, what its engine said, and what the rules know."""
    errors = target.count(Severity.ERROR)
    if errors:
        st.error(
            f"{plural(errors, 'thing')} in the way: it will not run on {plain(target.title)}.", icon=":material/block:"
        )
    elif rest := target.count(Severity.WARNING):
        sentence = f"Nothing known is in the way on {plain(target.title)}, but {plural(rest, 'thing')} to look at."
        st.warning(sentence, icon=":material/help:")
    else:
        st.success(f"Nothing known is in the way on {plain(target.title)}.", icon=":material/check:")
    if target.confirmed is not None:
        nodes = ", ".join(f"{provider} {count:,}" for provider, count in target.confirmed.nodes)
        st.caption(plain(target.confirmed.sentence + (f" Nodes by provider: {nodes}." if nodes else "")))
    for source in target.sources:
        st.caption(f"Known from: {plain(source)}.")


def findings_view(entry: ModelEntry, target: TargetResult) -> None:
    """List findings by rule, the worst first."""
    groups: dict[tuple[Severity, str], list[DeployFinding]] = {}
    for finding in target.findings:
        groups.setdefault((finding.severity, finding.rule), []).append(finding)
    for number, ((severity, rule), findings) in enumerate(groups.items()):
        icon, color = _SIGNS[severity]
        count = f" ×{len(findings):,}" if len(findings) > 1 else ""
        title = f":{color}[{icon}] **{rule.replace('-', ' ')}**{count} :gray[{MEANINGS[severity]}]"
        with st.expander(title, expanded=number < _SHOWN, key=f"check:rule:{target.target}:{rule}:{severity}"):
            _group(entry, findings, f"{target.target}:{rule}:{severity}")


def _group(entry: ModelEntry, findings: Sequence[DeployFinding], key: str) -> None:
    helped = [finding for finding in findings if finding.remedy]
    different = {finding.remedy.title for finding in helped if finding.remedy}
    if len(different) > 1:
        st.button(
            f"Apply to all {len(helped):,}",
            icon=":material/build:",
            key=f"check:all:{key}",
            on_click=_apply,
            args=(entry, helped),
        )
    few = findings if len(findings) <= _SHOWN else helped[:1] or findings[:1]
    for position, finding in enumerate(few):
        _finding(entry, finding, f"{key}:{position}", shared=len(different) == 1 and position > 0)
    if len(findings) > _SHOWN:
        _rest(findings, key)


def _finding(entry: ModelEntry, finding: DeployFinding, key: str, shared: bool) -> None:
    """Show one finding. ``shared``: its remedy is that of one above, which helps both."""
    place = finding.name or finding.tensor or ""
    st.markdown(plain(finding.message) + (f"  \n:gray[:small[{breakable(place)}]]" if place else ""))
    with st.container(horizontal=True, gap="small"):
        if finding.node is not None or finding.tensor:
            st.button(
                "Show",
                icon=":material/my_location:",
                type="tertiary",
                key=f"check:show:{key}",
                on_click=_show,
                args=(finding,),
            )
        if finding.remedy is not None and not shared:
            st.button(
                plain(finding.remedy.title),
                icon=":material/build:",
                key=f"check:apply:{key}",
                on_click=_apply,
                args=(entry, [finding]),
            )


def _rest(findings: Sequence[DeployFinding], key: str) -> None:
    """Show all findings of a rule as a table; a click in a line leads to the place."""
    table = {
        "place": [finding.name or finding.tensor or "the model" for finding in findings],
        "finding": [finding.message for finding in findings],
    }
    picked = st.dataframe(
        table,
        hide_index=True,
        height=table_height(len(findings), _LINES),
        on_select="rerun",
        selection_mode=ROW_MODES,
        key=f"check:rows:{key}",
    )
    rows = [*(row for row, _ in picked.selection.cells), *picked.selection.rows]
    seen = f"check:seen:{key}"
    if rows and st.session_state.get(seen) != rows[0]:
        st.session_state[seen] = rows[0]
        _show(findings[rows[0]])
        st.rerun()


def _show(finding: DeployFinding) -> None:
    if finding.node is not None:
        state.choose(finding.graph, node=finding.node)
    elif finding.tensor:
        state.choose(finding.graph, value=finding.tensor)


def _apply(entry: ModelEntry, findings: Sequence[DeployFinding]) -> None:
    """Do the remedies of findings on a draft, which is then the open model."""
    now = state.current_model() or entry
    try:
        wanted = operations(findings)
    except EditError as error:
        st.error(plain(str(error)))
        return
    if len(wanted) == 1:
        edit_session.do(now, wanted[0])
    elif wanted:
        edit_session.replay(now, wanted)


def overlay_of(entry: ModelEntry, job_id: str, target: TargetResult) -> Overlay | None:
    """Return the overlay of the worst finding of each node of the graph that is looked at; ``target`` is of a job."""
    graph = state.parameter("graph") or MAIN_GRAPH
    return _overlay((job_id, target.target, entry.id, entry.revision), graph, entry, target)


@st.cache_resource(max_entries=8, show_spinner=False)
def _overlay(version: tuple[object, ...], graph: str, _entry: ModelEntry, _target: TargetResult) -> Overlay | None:
    model = model_of(_entry)
    if graph not in model.graphs:
        return None
    found = [
        Finding(each.severity, each.rule, each.message, each.graph, each.node, each.tensor)
        for each in _target.findings
        if each.graph == graph
    ]
    data = findings_of(model, graph, found)
    return overlay_of_data(model, graph, data, "auto", ()) if data.values else None
