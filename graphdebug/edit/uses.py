"""Where a value is used: by nodes, as an output of its graph, and inside nested graphs that capture it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import onnx

from graphdebug.edit.editor import Editor, name_of
from graphdebug.edit.errors import EditError
from graphdebug.edit.splice import SINGLE, Step
from graphdebug.model.index import CALLED_FUNCTION, free_names
from graphdebug.model.refs import MAIN_GRAPH, parent_path
from graphdebug.model.value_types import shown

OUTPUT = -1
"""As a use's ``node``: the graph's own output ``slot``."""


@dataclass(frozen=True, slots=True)
class Use:
    """Input ``slot`` of node ``node`` of the graph at path ``graph``, or that graph's output (``node`` is OUTPUT)."""

    graph: str
    node: int
    slot: int


def uses(editor: Editor, graph: str, value: str) -> list[Use]:
    """Return the uses of a value that ``graph`` makes or gets, in the graph and in all that is nested in it."""
    index = editor.graph(graph)
    found = [Use(graph, node, slot) for node, slot in index.consumers.get(value, ())]
    found += [Use(graph, OUTPUT, slot) for slot, name in enumerate(index.outputs) if name == value]
    for node in index.captured.get(value, ()):
        for attribute, below in index.children.get(node, ()):
            if attribute != CALLED_FUNCTION and value in editor.graph(below).outer:
                found += uses(editor, below, value)
    return found


def redirect(editor: Editor, home: str, found: Iterable[Use], value: str) -> None:
    """Let uses take value ``value`` of graph ``home`` instead. An output keeps its type and gets the new name.

    Raises:
        EditError: in a nested graph, something else has that name.
    """
    found = list(found)
    for path in {use.graph for use in found}:
        while path != home:
            if editor.graph(path).defines(value):
                raise EditError(
                    f"In {shown(editor.graph(path).title)} something else is called {shown(value)}: rename it first."
                )
            path = parent_path(path) or home
    for use in found:
        if use.node != OUTPUT:
            editor.set_input(use.graph, use.node, use.slot, value)
            continue
        output = editor.message(use.graph).output[use.slot]
        editor.splice(editor.way(use.graph), "output", use.slot, 1, [renamed(output, value)])


def rename_value(editor: Editor, graph: str, old: str, new: str) -> None:
    """Give a value of ``graph`` another name: where it is made or given, wherever it is used and in what is said of it.

    Raises:
        EditError: in a nested graph, something else has that name.
    """
    index = editor.graph(graph)
    maker = index.producer.get(old)
    slots = [] if maker is None else [slot for slot, name in enumerate(index.nodes[maker].output) if name == old]
    redirect(editor, graph, uses(editor, graph, old), new)
    for slot in slots:
        assert maker is not None
        editor.set_output(graph, maker, slot, new)
    for field in ("input", "initializer", "sparse_initializer", "value_info", "quantization_annotation"):
        for position, entry in enumerate(getattr(editor.message(graph), field, ())):
            if name_of(entry) == old:
                editor.splice(editor.way(graph), field, position, 1, [renamed(entry, new)])
    for way, field, slot in list(_mentions(editor, graph, old)):
        editor.splice(way, field, slot, 1, [new])


def _mentions(editor: Editor, graph: str, name: str) -> Iterator[tuple[tuple[Step, ...], str, int]]:
    """Go through the other fields that name a value, and where in them: of quantization, of shards, of training."""
    message, way = editor.message(graph), editor.way(graph)
    for at, annotation in enumerate(getattr(message, "quantization_annotation", ())):
        for slot, parameter in enumerate(annotation.quant_parameter_tensor_names):
            if parameter.value == name:
                yield (*way, ("quantization_annotation", at), ("quant_parameter_tensor_names", slot)), "value", 0
    for at, node in enumerate(message.node):
        for number, device in enumerate(node.device_configurations):
            for slot, spec in enumerate(device.sharding_spec):
                if spec.tensor_name == name:
                    step = (("node", at), ("device_configurations", number), ("sharding_spec", slot))
                    yield (*way, *step), "tensor_name", 0
    for at, training in enumerate(editor.proto.training_info if graph == MAIN_GRAPH else ()):
        yield from _in_training(training, ("training_info", at), name)


def _in_training(
    training: onnx.TrainingInfoProto, step: Step, name: str
) -> Iterator[tuple[tuple[Step, ...], str, int]]:
    """Go through what names an initializer of the main graph: the keys of bindings, and inputs of training's nodes."""
    for field in ("initialization_binding", "update_binding"):
        for at, binding in enumerate(getattr(training, field)):
            if binding.key == name:
                yield (step, (field, at)), "key", 0
    for field in ("initialization", "algorithm"):
        graph = getattr(training, field)
        if name in free_names(graph):
            for at, node in enumerate(graph.node):
                for slot, taken in enumerate(node.input):
                    if taken == name:
                        yield (step, (field, SINGLE), ("node", at)), "input", slot


def renamed(entry: Any, name: str) -> Any:
    """Return a copy of what stands in a graph (a text, an input, a tensor, an annotation…) under another name."""
    if isinstance(entry, str):
        return name
    copy = type(entry)()
    copy.CopyFrom(entry)
    if isinstance(copy, onnx.SparseTensorProto):
        copy.values.name = name
    elif isinstance(copy, onnx.TensorAnnotation):
        copy.tensor_name = name
    else:
        copy.name = name
    return copy
