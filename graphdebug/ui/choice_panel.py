"""What is known of the choice: a node, a value or a group, in tidy sections with ways to its neighbours."""

from collections.abc import Sequence

import streamlit as st

from graphdebug.api.details import NodeDetails, NodeLink, NotFoundError, Value, ValueDetails, find_value
from graphdebug.api.graph import details
from graphdebug.api.group_details import MOST_CROSSING, GroupDetails, selection_details
from graphdebug.api.models import model_of
from graphdebug.api.operators import REQUIRED, Documentation, Parameter
from graphdebug.model.document import Model, NotAModel
from graphdebug.model.origin import Origin
from graphdebug.model.records import Finding
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui import state
from graphdebug.ui.first_steps import nothing_chosen, tap_hint
from graphdebug.ui.selected import tensors_in
from graphdebug.ui.state import Choice
from graphdebug.ui.table_height import table_height
from graphdebug.ui.ways import uses, ways
from graphdebug.ui.weight_panel import weight_panel
from graphdebug.ui.words import plain, plural
from graphdebug.view.labels import shortened, type_label
from graphdebug.workspace.entries import ModelEntry

_MOST_VALUES = 6
_MOST_HOPS = 4
_ICONS = {"error": ":material/error:", "warning": ":material/warning:", "info": ":material/info:"}
_COLORS = {"error": "red", "warning": "orange", "info": "blue"}


def choice_panel(entry: ModelEntry, choice: Choice | None) -> None:
    """Show everything about the choice; without one, what is selected; else how to choose."""
    selected = state.selection()
    if choice is None and not selected:
        nothing_chosen(entry)
        return
    try:
        model = model_of(entry)
        if choice is None:
            _selection(model, state.parameter("graph") or MAIN_GRAPH, selected)
            return
        found = details(model, entry.record.findings, choice.graph, choice.id)
    except (NotFoundError, NotAModel, OSError) as error:
        st.warning(plain(str(error)))
        return
    if isinstance(found, NodeDetails):
        _node(entry, model, found)
    elif isinstance(found, GroupDetails):
        _group(found)
    elif isinstance(found, ValueDetails):
        _value(entry, model, found)


def _node(entry: ModelEntry, model: Model, node: NodeDetails) -> None:
    _title(node.op, node.domain, node.name)
    _place(node.origin)
    _findings(node.findings)
    tensors = [value.name for value in node.outputs if value.name]
    _tap_buttons(node.graph, tensors)
    ways(node.id, op=node.op)
    if node.doc_string:
        st.text(node.doc_string[:2000])
    if node.children:
        _children(node)
    _values("Inputs", node.inputs, "in")
    _values("Outputs", node.outputs, "out")
    if node.attributes:
        st.markdown("**Attributes**")
        table = {
            "name": [each.name for each in node.attributes],
            "value": [each.text + ("  (default)" if each.is_default else "") for each in node.attributes],
            "type": [each.type for each in node.attributes],
        }
        st.dataframe(table, hide_index=True, height=table_height(len(node.attributes), 11))
    weight_panel(model, entry.id, [value for value in node.inputs if value.role == "initializer"])
    if node.documentation is not None:
        _documentation(node.documentation)
    if node.metadata:
        with st.expander("Metadata", icon=":material/sell:"):
            keys, values = zip(*node.metadata, strict=True)
            st.dataframe({"key": keys, "value": values}, hide_index=True)


def _value(entry: ModelEntry, model: Model, found: ValueDetails) -> None:
    value = found.value
    role = {"node": "Tensor", "input": "Graph input", "initializer": "Initializer", "outer": "Outer tensor"}
    title = role.get(value.role, "Value")
    _title(f"{title} · graph output" if value.is_output else title, "", value.name)
    if value.type is not None:
        st.markdown(f":primary[{plain(type_label(value.type))}]{_marks(value)}")
    _findings(found.findings)
    _tap_buttons(value.graph, [value.name] if value.role in ("node", "input", "outer") else [])
    if value.producer is not None:
        st.markdown("**Produced by**")
        _hops([value.producer], "producer")
    if value.consumers:
        st.markdown(f"**Used by** {plural(value.consumer_count, 'node')}")
        _hops(value.consumers, "consumer", most=24)
    if value.role == "initializer":
        uses(value.name)
        weight_panel(model, entry.id, [value], opened=True)
    else:
        ways(f"v:{value.name}")


def _group(group: GroupDetails) -> None:
    _title(group.title, group.class_name, group.id.removeprefix("s:"))
    st.markdown(f"{plural(group.nodes, 'node')} in this group")
    ways(group.id)
    _around(group)


def _selection(model: Model, graph: str, ids: Sequence[str]) -> None:
    """Show what is selected as if it were one group; selected tensors one by one."""
    found = selection_details(model, graph, ids)
    values = [each[2:] for each in ids if each.startswith("v:")]
    counts = [plural(count, noun) for count, noun in ((found.nodes, "node"), (len(values), "tensor")) if count]
    st.subheader(f"{' and '.join(counts) or 'Nothing that is here'} selected", anchor=False)
    _tap_buttons(graph, tensors_in(model, graph, ids))
    if values:
        shown = [find_value(model, graph, name) for name in values[:MOST_CROSSING]]
        _values("Tensors", shown, "selected")
    if found.nodes:
        _around(found)


def _around(group: GroupDetails) -> None:
    """List what crosses the border of several nodes, and their operators."""
    _values("Comes in", group.inputs, "in")
    _values("Goes out", group.outputs, "out")
    st.markdown("**Operators**")
    table = {"op": [op for op, _ in group.ops], "nodes": [nodes for _, nodes in group.ops]}
    st.dataframe(table, hide_index=True, height=table_height(len(group.ops), 9))


def _title(title: str, aside: str, name: str) -> None:
    beside = f" :gray[:small[{plain(aside)}]]" if aside else ""
    st.subheader(f"{plain(title)}{beside}", anchor=False)
    st.code(name, language=None, wrap_lines=True)


def _place(origin: Origin) -> None:
    if origin.scope:
        classes = origin.classes if len(origin.classes) == len(origin.scope) else ("",) * len(origin.scope)
        steps = [
            plain(scope) + (f" :gray[:small[{plain(name.rpartition('.')[2])}]]" if name else "")
            for scope, name in zip(origin.scope, classes, strict=True)
        ]
        st.markdown(":material/account_tree: " + " › ".join(steps))
    if origin.source:
        st.markdown(f":material/code: {plain(origin.source)}")
    if origin.stack:
        with st.expander("Stack trace", icon=":material/segment:"):
            st.code(origin.stack[:8000], language=None)


def _findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        color, icon = _COLORS[finding.severity], _ICONS[finding.severity]
        st.markdown(f":{color}[{icon} {plain(finding.message)}]")


def _tap_buttons(graph: str, names: Sequence[str]) -> None:
    """Offer to pick these tensors for a run. Only tensors of the main graph can be tapped."""
    if not names or graph != MAIN_GRAPH:
        return
    picked = set(state.picked_tensors())
    what = "this tensor" if len(names) == 1 else f"these {len(names):,} tensors"
    if picked.issuperset(names):
        label, sign, change = f"Don't tap {what}", ":material/check_circle:", state.unpick
    else:
        label, sign, change = f"Tap {what}", ":material/water_drop:", state.pick
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(label, icon=sign, on_click=change, args=tuple(names), key="tap")
        tap_hint()


def _children(node: NodeDetails) -> None:
    """Buttons that open the graphs a node holds or calls."""
    with st.container(horizontal=True, gap="small"):
        for position, (attribute, path) in enumerate(node.children):
            label = f"Open {plain(attribute or 'the function')}"
            icon = ":material/filter_none:"
            st.button(label, icon=icon, key=f"open-{position}", on_click=state.choose, args=(path,))


def _values(title: str, values: Sequence[Value], key: str) -> None:
    """List a node's inputs or outputs: slot, name, type, and ways to the nodes at the other end."""
    if not values:
        return
    st.markdown(f"**{title}**")
    given = [value for value in values if value.role != "absent" or value.presence == REQUIRED]
    absent = [value.slot or "one" for value in values if value.role == "absent" and value.presence != REQUIRED]
    shown = given
    if len(given) > _MOST_VALUES and not st.toggle(f"Show all {len(given)}", key=f"all-{key}"):
        shown = given[:_MOST_VALUES]
    with st.container(border=True, gap="small"):
        for position, value in enumerate(shown):
            _value_line(value, f"{key}-{position}", producers=key == "in")
        if absent:
            st.markdown(f"{' '.join(f':gray-badge[{plain(slot)}]' for slot in absent)} :gray[optional, left out]")


def _value_line(value: Value, key: str, *, producers: bool) -> None:
    slot = f":gray-badge[{plain(value.slot)}] " if value.slot else ""
    if value.role == "absent":
        st.markdown(f"{slot}:red[required, but left out]")
        return
    kind = f":primary[{plain(type_label(value.type))}]" if value.type else ":gray[unknown type]"
    mark = {"initializer": " :gray[weight]", "input": " :gray[graph input]", "missing": " :red[made nowhere]"}
    st.markdown(f"{slot}{plain(shortened(value.name, 60))}  \n{kind}{mark.get(value.role, '')}{_marks(value)}")
    if value.role == "initializer" and value.consumer_count > 1:
        label, choose = f"used by {plural(value.consumer_count, 'node')}", {"value": value.name}
        st.button(label, key=f"uses-{key}", type="tertiary", on_click=state.choose, args=(value.graph,), kwargs=choose)
    elif producers and value.producer is not None:
        _hops([value.producer], key)
    elif not producers and value.consumers:
        _hops(value.consumers, key)


def _marks(value: Value) -> str:
    """Return the names that the network's own code gave a value, as badges."""
    return "".join(f" :blue-badge[:material/bookmark: {plain(shortened(mark, 40))}]" for mark in value.marks)


def _hops(links: Sequence[NodeLink], key: str, most: int = _MOST_HOPS) -> None:
    """Buttons that choose other nodes."""
    with st.container(horizontal=True, gap="small"):
        for position, link in enumerate(links[:most]):
            st.button(
                f"{plain(link.op)} :gray[{plain(shortened(link.name, 22))}]",
                key=f"hop-{key}-{position}",
                icon=":material/arrow_forward:",
                type="tertiary",
                help=plain(link.name),
                on_click=state.choose,
                args=(link.graph,),
                kwargs={"node": int(link.id[2:])},
            )
        if len(links) > most:
            st.caption(f"and {len(links) - most} more")


def _documentation(doc: Documentation) -> None:
    with st.expander(f"{plain(doc.op)} :gray[since opset {doc.since_version}]", icon=":material/menu_book:"):
        # The operator's own words, from the onnx package and not from the model: its Markdown may stay.
        st.markdown(doc.text)
        for title, parameters in (("Inputs", doc.inputs), ("Outputs", doc.outputs), ("Attributes", doc.attributes)):
            if parameters:
                st.markdown("\n".join([f"**{title}**\n", *map(_parameter, parameters)]))


def _parameter(formal: Parameter) -> str:
    return f"- `{formal.name}` :gray-badge[{formal.presence}] {formal.text}"
