"""Any sequence of operations: every step is undone and done again exactly, and touches only what it is about."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.changing import DuplicateNode, NameNodes, RemoveAttribute, RenameNode, SetAttribute, SetOperator
from graphdebug.edit.cleaning import CleanUp, SortNodes
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.inlining import InlineFunction
from graphdebug.edit.merging import MergeModel
from graphdebug.edit.metadata import SetHeader, SetMetadata, StripDocs
from graphdebug.edit.nodes import AddNode, DeleteDead, DeleteNode, InsertNode, UseTarget
from graphdebug.edit.operation import Operation
from graphdebug.edit.operations import OPERATIONS
from graphdebug.edit.parts import ExtractFunction, ReplaceNodes
from graphdebug.edit.ports import AddInput, AddOutput, MakeInput, RemoveInput, RemoveOutput
from graphdebug.edit.putting_back import PutBack
from graphdebug.edit.splice import Splice, Value
from graphdebug.edit.targets import NodeTarget, ValueTarget, node_target, value_target
from graphdebug.edit.undoing import done, undone
from graphdebug.edit.uses import OUTPUT, uses
from graphdebug.edit.wiring import ReconnectInput, RenameValue, SwapInputs
from graphdebug.model.document import Model, open_model
from graphdebug.model.index import CALLED_FUNCTION, nested_graphs
from graphdebug.model.refs import NodeRef, TensorRef
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs
from tests.edit.random_values import about_values
from tests.edit.running import outputs, sample_names, serialised, tried

_SAMPLES = Path(__file__).parents[2] / "sample_models"
_SHIPPED = Path(onnx.__file__).parent / "backend/test/data"
MODELS = [*sorted(_SAMPLES.glob("*.onnx")), *sorted((_SHIPPED / "simple").rglob("*.onnx"))[::3]]
STEPS = 30
LARGEST = 400
"""Nodes beyond which a model has grown enough (it is put behind itself, its nodes are copied)."""


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_steps_are_undone_one_by_one_and_touch_what_they_name(path: Path) -> None:
    rng = Random(path.parent.name + path.stem)
    model = open_model(path)
    states, steps = [model], []
    tries = Counter[str]()
    for _ in range(STEPS):
        operation = any_operation(rng, Editor(states[-1]), path.name)
        try:
            after = tried(states[-1], operation, files=path.parent)
        except EditError as refusal:
            assert str(refusal).endswith((".", "…"))
            tries["refused"] += 1
            continue
        tries["done"] += 1
        assert untouched(states[-1], after.model, after.splices), operation
        whole(after.model)
        states.append(after.model)
        steps.append(after.splices)
    assert tries["done"] >= STEPS // 6, tries
    back = states[-1]
    for state, step in zip(reversed(states[:-1]), reversed(steps), strict=True):
        back = undone(back, step)
        assert serialised(back) == serialised(state)
    for state, step in zip(states[1:], steps, strict=True):
        back = done(back, step)
        assert serialised(back) == serialised(state)


@pytest.mark.parametrize("name", [name for name in sample_names() if "overflow" not in name])  # changes when tapped
def test_what_should_not_change_the_numbers_does_not(name: str, tmp_path: Path) -> None:
    rng = Random(name)
    model = open_model(_SAMPLES / name)
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    if "scales" in feeds:
        feeds["scales"] = np.float32([1, 1, 2, 2])
    expected = outputs(model, tmp_path, feeds)
    for _ in range(STEPS):
        operation = harmless(rng, Editor(model))
        try:
            model = tried(model, operation).model
        except EditError:
            continue
        if isinstance(operation, RenameValue) and operation.name in model.graphs[""].inputs:
            feeds = dict(zip(model.graphs[""].inputs, feeds.values(), strict=True))
    found = list(outputs(model, tmp_path, feeds).values())
    for one, other in zip(found, expected.values(), strict=False):  # taps come after the outputs
        assert np.allclose(one, other, rtol=1e-3, atol=1e-3, equal_nan=True)


def test_every_kind_of_operation_is_among_them() -> None:
    rng = Random(0)
    editor = Editor(open_model(_SAMPLES / "local_function.onnx"))
    assert {type(any_operation(rng, editor, "")) for _ in range(1000)} == {
        kind for kind in OPERATIONS if not kind.heavy
    }


def harmless(rng: Random, editor: Editor) -> Operation:
    """Return an operation that leaves the numbers of the model's outputs as they are."""
    path = rng.choice([path for path in editor.graphs if editor.graph(path).nodes])
    index = editor.graph(path)
    at = rng.randrange(len(index.nodes))
    node = node_target(editor, NodeRef(path, at))
    made = value_target(editor, TensorRef(path, rng.choice([*index.producer, *index.inputs])))
    part = [node_target(editor, NodeRef(path, each)) for each in range(at, min(len(index.nodes), at + 4))]
    name = f"new{rng.randrange(1000)}"
    output = next((slot for slot, each in enumerate(index.nodes[at].output) if each), 0)
    users = [use for use in uses(editor, path, index.nodes[at].output[output]) if use.node != OUTPUT]
    chosen = rng.sample(users, rng.randrange(len(users) + 1))
    taken = tuple(UseTarget(node_target(editor, NodeRef(use.graph, use.node)), use.slot) for use in chosen)
    choices: list[Callable[[], Operation]] = [
        lambda: InsertNode(value=made, op="Identity"),
        lambda: DuplicateNode(node=node, uses={output: taken}),
        lambda: RenameNode(node=node, name=name),
        lambda: RenameValue(value=made, name=name),
        lambda: AddOutput(value=made),
        lambda: ExtractFunction(nodes=tuple(part), name=name),
        lambda: InlineFunction(node=a_call(rng, editor) or node),
        NameNodes,
        SortNodes,
        CleanUp,
        StripDocs,
    ]
    return rng.choice(choices)()


def a_call(rng: Random, editor: Editor) -> NodeTarget | None:
    """Return a node that calls a function, if there is one."""
    calls = [
        NodeRef(path, at)
        for path in editor.graphs
        for at, children in editor.graph(path).children.items()
        if any(attribute == CALLED_FUNCTION for attribute, _ in children)
    ]
    return node_target(editor, rng.choice(calls)) if calls else None


def any_operation(rng: Random, editor: Editor, file: str) -> Operation:
    """Return an operation on nodes and values of the model that are there, which may make sense or not."""
    path = rng.choice([path for path in editor.graphs if editor.graph(path).nodes] or [""])
    index = editor.graph(path)
    names = [*index.producer, *index.inputs, *index.defaults, *index.initializers] or ["none"]

    def node(graph: str = path) -> NodeTarget:
        known = editor.graph(graph).nodes
        return node_target(editor, NodeRef(graph, rng.randrange(len(known)))) if known else NodeTarget("none")

    def value() -> ValueTarget:
        return value_target(editor, TensorRef(path, rng.choice(names)))

    def some() -> tuple[NodeTarget, ...]:
        first = rng.randrange(max(1, len(index.nodes)))
        last = min(len(index.nodes), first + rng.randrange(1, 6))
        return tuple(node_target(editor, NodeRef(path, at)) for at in range(first, last))

    slot, other = rng.randrange(3), rng.randrange(3)
    name = f"new{rng.randrange(1000)}"
    dtype, shape = rng.choice(["float", "int64"]), rng.choice([None, (), (1, "n", None)])
    growing: list[Callable[[], Operation]] = [
        lambda: InsertNode(value=value(), op=rng.choice(["Identity", "Relu", "Mine"])),
        lambda: AddNode(op="Add", inputs=(value(), value()), graph=value().graph),
        lambda: DuplicateNode(node=node()),
        lambda: MergeModel(file=file, connect={}, prefix=rng.choice(["", "b/"])),
        lambda: PutBack(file=file),
        lambda: ExtractFunction(nodes=some(), name=name),
        lambda: AddInput(name=name, dtype=dtype, shape=shape, graph=value().graph),
        lambda: AddOutput(value=value()),
    ]
    others: list[Callable[[], Operation]] = [
        lambda: DeleteNode(node=node()),
        lambda: DeleteDead(nodes=(node(),)),
        lambda: SetOperator(node=node(), op=rng.choice(["Add", "Relu", "Mine"]), domain=rng.choice(["", "my.ops"])),
        lambda: RenameNode(node=node(), name=name),
        NameNodes,
        lambda: SetAttribute(node=node(), attribute=Attribute(rng.choice(["axis", "alpha"]), "int", slot)),
        lambda: RemoveAttribute(node=node(), name=rng.choice(["axis", "alpha", "then_branch"])),
        lambda: ReconnectInput(node=node(rng.choice(list(editor.graphs))), input=slot, value=rng.choice([value(), ""])),
        lambda: SwapInputs(node=node(), a=slot, b=other),
        lambda: RenameValue(value=value(), name=name),
        lambda: RemoveOutput(value=value()),
        lambda: MakeInput(value=value(), dtype=dtype, keep=rng.random() < 0.5),
        lambda: RemoveInput(value=value()),
        lambda: ExtractPart(inputs=(value(),), outputs=(value(), value())),
        lambda: ReplaceNodes(nodes=some(), op="Plugin", domain="my.ops", drop_initializers=rng.random() < 0.5),
        lambda: InlineFunction(node=a_call(rng, editor) or node()),
        SortNodes,
        CleanUp,
        lambda: StripDocs(metadata=rng.choice([(), ("pkg.",)])),
        lambda: SetMetadata(key=rng.choice(["a", "b"]), value=rng.choice([None, name])),
        lambda: SetHeader(producer_name=name, graph_name=name, ir_version=rng.choice([None, 10])),
    ]
    if rng.random() < 0.4:
        return about_values(rng, editor, path)
    size = sum(len(each.nodes) for each in editor.graphs.values())
    return rng.choice([*others, *growing] if size < LARGEST else others)()


def whole(model: Model) -> None:
    """See to it that every graph can be indexed."""
    for index in model.graphs.values():
        assert len(index.order) == len(index.nodes)
        assert index.stuck <= set(range(len(index.nodes)))
        assert not set(index.outer) & set(index.producer)


def untouched(before: Model, after: Model, splices: Sequence[Splice]) -> bool:
    """Say whether all nodes have the same bytes but for those that splices removed, moved, or changed within."""
    gone = Counter(own_bytes(before.proto)) - Counter(own_bytes(after.proto))
    gone -= Counter(
        each for splice in splices for removed in splice.removed for each in _removed(splice.field, removed)
    )
    return gone.total() <= sum(any(field == "node" for field, _ in splice.way) for splice in splices)


def _removed(field: str, removed: Value) -> Iterator[bytes]:
    """Go through the nodes that a removed value holds."""
    if field == "node":
        yield from _of_nodes([onnx.NodeProto.FromString(removed)])
    elif field == "functions":
        yield from _of_nodes(onnx.FunctionProto.FromString(removed).node)
    elif field == "attribute":
        yield from list(_of_nodes([onnx.NodeProto(attribute=[onnx.AttributeProto.FromString(removed)])]))[1:]


def own_bytes(model: onnx.ModelProto) -> Iterator[bytes]:
    """Go through the serialised nodes of all graphs, each without the graphs that are nested in it."""
    yield from _of_nodes(model.graph.node)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[bytes]:
    for node in nodes:
        bare = onnx.NodeProto()
        bare.CopyFrom(node)
        for attribute in bare.attribute:
            attribute.ClearField("g")
            del attribute.graphs[:]
        yield bare.SerializeToString(deterministic=True)
        for _, graph in nested_graphs(node):
            yield from _of_nodes(graph.node)
