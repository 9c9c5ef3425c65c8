"""Operations that tidy a whole model: the order of nodes, and what does nothing."""

from __future__ import annotations

from typing import ClassVar

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import all_nodes, holder, plain, versions
from graphdebug.edit.order import keep_order
from graphdebug.edit.pruning import DropUnused
from graphdebug.edit.splice import Step, at
from graphdebug.edit.sweeping import forget, sweep
from graphdebug.edit.uses import OUTPUT, redirect, rename_value, uses
from graphdebug.model.folding import stored
from graphdebug.model.index import GraphIndex, function_key
from graphdebug.model.refs import MAIN_GRAPH, function_path
from graphdebug.model.value_types import shown

_ALWAYS_INFERENCE, _TRAINING_MODE = 7, 12
"""Since these operator sets Dropout does nothing outside training, and an input says whether it is training."""


class SortNodes(Operation, frozen=True):
    """Put the nodes of every graph in an order in which they can run; those that can already stay where they are."""

    keeps_results: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What it does."""
        return "Sort nodes"

    def apply(self, editor: Editor) -> None:
        """Sort them; what is on a cycle stays."""
        for path in _inner_first(editor):
            if editor.graph(path).stuck:
                editor.notes.append(f"Nodes of {shown(editor.graph(path).title)} wait for each other: they stay.")
            keep_order(editor, path)


class CleanUp(Operation, frozen=True):
    """Remove what does nothing: Identity, Dropout in inference, and whatever nothing uses.

    That is nodes, initializers, functions and operator sets. Inputs and outputs of the model stay.
    """

    keeps_results: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What it does."""
        return "Clean up"

    def apply(self, editor: Editor) -> None:
        """Remove it."""
        passed = sum(_bypass(editor, path) for path in _inner_first(editor))
        dead = 0
        for path in _inner_first(editor):
            # Training may look at any value of the main graph.
            if path != MAIN_GRAPH or not editor.proto.training_info:
                nodes = editor.graph(path).nodes
                dead += sweep(editor, path, [name for node in nodes for name in node.output])
        functions = _drop_functions(editor)
        _drop_imports(editor)
        said = {"node that did nothing": passed, "dead node": dead, "unused function": functions}
        parts = [f"{count:,} {what if count == 1 else _plural(what)}" for what, count in said.items() if count]
        if parts:
            editor.notes.append(f"{', '.join(parts)} went.")
        DropUnused().apply(editor)


def _inner_first(editor: Editor) -> list[str]:
    """Return the paths of all graphs so that a change of one does not make those that follow wrong."""
    return list(editor.graphs)[::-1]


def _plural(what: str) -> str:
    first, _, rest = what.partition(" that")
    return f"{first}s that{rest}" if rest else f"{first}s"


def _bypass(editor: Editor, path: str) -> int:
    """Let what uses the output of a node that does nothing take its input; return how many such nodes went."""
    index = editor.graph(path)
    version = versions(at(editor.proto, holder(path, editor))).get("", 0)
    idle = [position for position, node in enumerate(index.nodes) if _is_idle(editor, index, node, version)]
    instead: dict[str, str] = {}
    for position in idle:
        node = index.nodes[position]
        instead[node.output[0]] = instead.get(node.input[0], node.input[0])
    # Uses are looked up before the first change: positions hold while only names of inputs change.
    found = {name: uses(editor, path, name) for name in instead if name not in index.outputs}
    gone = []
    for position in idle:
        made = index.nodes[position].output[0]
        if made in found and not any(use.node == OUTPUT for use in found[made]):
            try:
                redirect(editor, path, found[made], instead[made])
            except EditError:  # a nested graph calls something else by that name
                continue
            gone.append(position)
    forget(editor, path, [index.nodes[position].output[0] for position in gone])
    editor.delete_nodes(path, gone)
    return len(gone) + _bypass_outputs(editor, path, version)


def _bypass_outputs(editor: Editor, path: str, version: int) -> int:
    """Let nodes make an output of their graph themselves where one that does nothing did; return how many went."""
    passed = 0
    for name in list(editor.graph(path).outputs):
        index = editor.graph(path)
        position = index.producer.get(name, -1)
        if position < 0 or not _is_idle(editor, index, index.nodes[position], version):
            continue
        source = index.nodes[position].input[0]
        if source not in index.producer or source in index.outputs or index.producer[source] == position:
            continue
        editor.delete_nodes(path, [position])
        forget(editor, path, [source])
        rename_value(editor, path, source, name)
        passed += 1
    return passed


def _is_idle(editor: Editor, index: GraphIndex, node: onnx.NodeProto, version: int) -> bool:
    """Say whether a node gives what it takes."""
    if plain(node.domain) or not node.input or not node.input[0] or not node.output or not node.output[0]:
        return False
    if function_key(node.domain, node.op_type, node.overload) in editor.graphs.functions:
        return False
    if node.op_type == "Identity":
        return True
    if node.op_type != "Dropout" or any(uses(editor, index.path, name) for name in node.output[1:] if name):
        return False
    if version < _ALWAYS_INFERENCE:
        return any(attribute.name == "is_test" and attribute.i for attribute in node.attribute)
    if version < _TRAINING_MODE or len(node.input) < 3 or not node.input[2]:
        return True
    training = index.initializers.get(node.input[2])
    value = None if training is None or node.input[2] in index.defaults else stored(training)
    return value is not None and value.size == 1 and not value.any()


def _drop_functions(editor: Editor) -> int:
    """Remove functions that nothing calls, directly or through others; return how many."""
    called = {MAIN_GRAPH}
    for training in editor.proto.training_info:
        for node in all_nodes((*training.initialization.node, *training.algorithm.node)):
            key = function_key(node.domain, node.op_type, node.overload)
            called.update([editor.graphs.functions[key]] if key in editor.graphs.functions else ())
    waiting = list(called)
    while waiting:
        for children in editor.graph(waiting.pop()).children.values():
            new = {path for _, path in children} - called
            called |= new
            waiting += new
    unused = [
        position
        for position, each in enumerate(editor.proto.functions)
        if function_path(each.domain, each.name, each.overload) not in called
    ]
    for position in reversed(unused):
        editor.splice((), "functions", position, 1)
    return len(unused)


def _drop_imports(editor: Editor) -> None:
    """Remove operator sets of which nothing is used; what functions use, the model imports, too."""
    proto = editor.proto
    training = [node for each in proto.training_info for node in (*each.initialization.node, *each.algorithm.node)]
    in_functions = [node for function in proto.functions for node in function.node]
    holders: list[tuple[tuple[Step, ...], list[onnx.NodeProto]]] = [((), [*proto.graph.node, *training, *in_functions])]
    holders += [((("functions", position),), list(each.node)) for position, each in enumerate(proto.functions)]
    for way, nodes in holders:
        used = {"", *(plain(node.domain) for node in all_nodes(nodes))}
        imports = at(proto, way).opset_import
        for position in reversed(range(len(imports))):
            if plain(imports[position].domain) not in used:
                editor.splice(way, "opset_import", position, 1)
