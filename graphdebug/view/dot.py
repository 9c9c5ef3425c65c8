"""A scene as DOT text, for people who use graphviz. Graphviz lays it out anew; no name can break out of its label."""

from graphviz import Digraph, escape

from graphdebug.view.scene import RIGHT, Box, Kind, Scene

_SHAPES = {Kind.NODE: "box", Kind.GROUP: "box3d", Kind.INPUT: "oval", Kind.OUTPUT: "oval", Kind.STUB: "plaintext"}


def dot(scene: Scene) -> str:
    """Return the scene in the DOT language: frames become clusters, values edge labels."""
    graph = Digraph(
        name="graph",
        graph_attr={"rankdir": "LR" if scene.direction == RIGHT else "TB", "label": _text(scene.title)},
        node_attr={"fontname": "Helvetica", "fontsize": "11", "style": "rounded"},
        edge_attr={"fontname": "Helvetica", "fontsize": "9"},
    )
    inside: dict[int, list[int]] = {}
    for position, box in enumerate(scene.boxes):
        inside.setdefault(box.parent, []).append(position)
    _add(graph, scene, inside, -1)
    for edge in scene.edges:
        graph.edge(f"b{edge.tail}", f"b{edge.head}", label=_text(edge.label))
    return str(graph.source)


def _add(graph: Digraph, scene: Scene, inside: dict[int, list[int]], frame: int) -> None:
    for position in inside.get(frame, ()):
        box = scene.boxes[position]
        if box.kind == Kind.FRAME:
            with graph.subgraph(name=f"cluster_b{position}", graph_attr={"label": _text(box.label)}) as cluster:
                _add(cluster, scene, inside, position)
        else:
            graph.node(f"b{position}", label=_label(box), shape=_SHAPES[box.kind])


def _label(box: Box) -> str:
    count = f"{box.count} nodes" if box.kind == Kind.GROUP else ""
    return _text("\n".join(text for text in (box.op, box.label, box.chips, count) if text))


def _text(text: str) -> str:
    """Return text that DOT takes literally: no escapes, no HTML."""
    literal: str = escape(text)
    return literal
