"""Matching two graphs: what is the same, changed, fused, on one side only."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import NodeProto, helper, numpy_helper

from graphdebug.model.document import Model, open_model
from graphdebug.model.shapes import infer_types
from graphdebug.view.contents import contents
from graphdebug.view.differences import Kind, Match, Matching, matching
from graphdebug.view.group_mates import group_mates
from graphdebug.view.outline import Outline, Unit, outline
from tests.view.drawings import model_of

Said = tuple[str, tuple[str, ...], tuple[str, ...]]


def weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def blocks(count: int, renamed: str = "") -> list[NodeProto]:
    """``count`` blocks of Gemm, Relu, and an Add around both; all alike but for their names."""
    nodes, value = list[NodeProto](), "x"
    for block in range(count):
        name = f"{renamed}b{block}"
        made = f"{name}.sum" if block < count - 1 else "y"
        nodes += [
            helper.make_node("Gemm", [value, f"w{block}"], [f"{name}.gemm"], f"{name}/Gemm", transB=1),
            helper.make_node("Relu", [f"{name}.gemm"], [f"{name}.relu"], f"{name}/Relu"),
            helper.make_node("Add", [value, f"{name}.relu"], [made], f"{name}/Add"),
        ]
        value = made
    return nodes


WEIGHTS = [weight(f"w{block}", 4 + block, 4) for block in range(6)]


def stack(change: Callable[[list[NodeProto]], object] = lambda nodes: None) -> Model:
    nodes = blocks(6)
    change(nodes)
    return model_of(nodes, initializers=WEIGHTS)


def between(left: Model, right: Model) -> Matching:
    return matching(outline(left, ""), outline(right, ""))


def told(found: Matching) -> list[Said]:
    """What differs, by the names of the nodes."""

    def names(side: Outline, units: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(side.units[unit].title for unit in units)

    return [(each.kind, names(found.left, each.left), names(found.right, each.right)) for each in found.differences]


def only(found: Matching) -> Match:
    assert len(found.differences) == 1, told(found)
    return found.differences[0]


def insert(at: int, node: NodeProto) -> Callable[[list[NodeProto]], object]:
    """Put a node between node ``at`` and what uses it."""

    def change(nodes: list[NodeProto]) -> None:
        name = nodes[at].output[0]
        for user in nodes:
            user.input[:] = [node.output[0] if each == name else each for each in user.input]
        node.input[:] = [name]
        nodes.insert(at + 1, node)

    return change


def test_a_model_beside_itself_is_the_same() -> None:
    found = between(stack(), stack())
    assert not found.differences
    assert found.sentence == "All 18 nodes are the same."


@pytest.mark.parametrize("sample", ["resnet_dynamo", "transformer_torchscript", "if_captures", "loop_newton", "broken"])
def test_samples_beside_themselves_are_the_same(sample: str, samples: Path) -> None:
    path = samples / f"{sample}.onnx"
    one, other = open_model(path), open_model(path)
    for graph in one.graphs:
        assert not matching(outline(one, graph), outline(other, graph)).differences


def test_an_attribute_that_was_changed() -> None:
    change = only(
        between(stack(), stack(lambda nodes: nodes[6].attribute[0].CopyFrom(helper.make_attribute("transB", 0))))
    )
    assert change.kind is Kind.CHANGED
    assert change.what == ("attribute transB: 1 → default",)


def test_an_operator_that_was_changed() -> None:
    found = between(stack(), stack(lambda nodes: setattr(nodes[4], "op_type", "Sigmoid")))
    assert only(found).what == ("op: Relu → Sigmoid",)
    assert found.sentence == "1 of 18 nodes differ: 1 changed."


def test_an_operator_that_was_changed_with_all_its_names() -> None:
    def change(nodes: list[NodeProto]) -> None:
        nodes[4] = helper.make_node("Sigmoid", [nodes[4].input[0]], ["other"], "another")
        nodes[5].input[1] = "other"

    found = between(stack(), stack(change))
    assert told(found) == [("changed", ("b1/Relu",), ("another",))]


def test_a_weight_of_another_shape() -> None:
    wider = [weight("w0", 4, 4), weight("w1", 9, 4), *WEIGHTS[2:]]
    change = only(between(stack(), model_of(blocks(6), initializers=wider)))
    assert change.what == ("input 1: float 5×4 → float 9×4",)


def test_a_node_that_takes_its_input_from_elsewhere() -> None:
    found = between(stack(), stack(lambda nodes: nodes[11].input.__setitem__(0, "b0.sum")))
    assert told(found) == [("changed", ("b3/Add",), ("b3/Add",))]
    assert only(found).what == ("input 0: from b2/Add → from b0/Add",)


@pytest.mark.parametrize("at", [0, 1, 2, 7, 14, 16])
@pytest.mark.parametrize("op", ["Relu", "Sigmoid", "Add"])
def test_a_node_that_came_or_went_is_all_that_is_shown(at: int, op: str) -> None:
    changed = stack(insert(at, helper.make_node(op, [""], ["inserted"], "inserted")))
    assert told(between(stack(), changed)) == [("only right", (), ("inserted",))]
    assert told(between(changed, stack())) == [("only left", ("inserted",), ())]


def test_a_constant_that_nothing_uses_any_more_is_no_difference() -> None:
    def clip(nodes: list[NodeProto]) -> None:
        nodes.insert(0, helper.make_node("Constant", [], ["low"], "low", value_float=0.0))
        insert(1, helper.make_node("Clip", ["", "low"], ["clipped"], "clip"))(nodes)

    def without_use(nodes: list[NodeProto]) -> None:
        nodes.insert(0, helper.make_node("Constant", [], ["low"], "low", value_float=0.0))

    assert [kind for kind, _, _ in told(between(stack(clip), stack(without_use)))] == ["only left"]


def test_a_node_at_the_end_takes_over_the_name_of_the_output() -> None:
    def change(nodes: list[NodeProto]) -> None:
        nodes[-1].output[0] = "before"
        nodes.append(helper.make_node("Sigmoid", ["before"], ["y"], "last"))

    assert told(between(stack(), stack(change))) == [("only right", (), ("last",))]


def test_a_block_that_went_is_the_one_of_that_name() -> None:
    def without_the_third(nodes: list[NodeProto]) -> None:
        del nodes[6:9]
        nodes[6].input[0] = nodes[8].input[0] = "b1.sum"

    same = [weight(f"w{block}", 4, 4) for block in range(6)]
    nodes = blocks(6)
    without_the_third(nodes)
    found = between(model_of(blocks(6), initializers=same), model_of(nodes, initializers=same))
    assert {names for _, names, _ in told(found)} == {("b2/Gemm",), ("b2/Relu",), ("b2/Add",)}


@given(st.randoms(use_true_random=False), st.integers(0, 17))
def test_other_names_and_another_order_change_nothing(chance: random.Random, at: int) -> None:
    """All names are new and numbered anew, nodes may stand in any order: only the inserted node is shown."""
    nodes = blocks(6)
    if at != 17:
        insert(at, helper.make_node("Sigmoid", [""], ["inserted"], "inserted"))(nodes)
    numbers: dict[str, str] = {}
    for node in nodes:
        node.name = ""
        for field in (node.input, node.output):
            field[:] = [
                each if each.startswith("w") or each in "xy" else numbers.setdefault(each, f"t{len(numbers)}")
                for each in field
            ]
    chance.shuffle(nodes)
    found = between(stack(), model_of(nodes, initializers=WEIGHTS))
    assert [kind for kind, _, _ in told(found)] == ([] if at == 17 else ["only right"])


def test_names_numbered_anew_do_not_mislead() -> None:
    """A node put in front moves all numbers by one: each name is that of another node now."""

    def chain(alphas: list[float]) -> Model:
        nodes = [
            helper.make_node("LeakyRelu", [f"v{i}" if i else "x"], [f"v{i + 1}"], f"node_{i}", alpha=alpha)
            for i, alpha in enumerate(alphas)
        ]
        return model_of(nodes, outputs=[f"v{len(alphas)}"])

    alphas = [0.01 * step for step in range(1, 30)]
    found = between(chain(alphas), chain([0.5, *alphas]))
    assert [kind for kind, _, _ in told(found)] == ["only right"]
    assert told(found)[0][2] == ("node_0",)


def optimised(model: onnx.ModelProto, folder: Path, level: str) -> Model:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return open_model(folder / "optimised.onnx")


def convolutions() -> onnx.ModelProto:
    """Two blocks of Conv and Relu, then a Gemm on what is left."""
    chance = np.random.default_rng(0)

    def made(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(chance.normal(size=shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["c0"], "conv0", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c0"], ["r0"], "relu0"),
        helper.make_node("Conv", ["r0", "w1"], ["c1"], "conv1", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("GlobalAveragePool", ["r1"], ["p"], "pool"),
        helper.make_node("Sigmoid", ["p"], ["y"], "gate"),
    ]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 8, *size])
        for name, size in (("x", (9, 9)), ("y", (1, 1)))
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [made("w0", 8, 8, 3, 3), made("w1", 8, 8, 3, 3)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_what_onnx_runtime_fused(tmp_path: Path) -> None:
    proto = convolutions()
    found = between(Model(proto, tmp_path / "m.onnx"), optimised(proto, tmp_path, "EXTENDED"))
    fused = [
        (left, found.right.units[each.right[0]].op)
        for (kind, left, _), each in zip(told(found), found.differences, strict=True)
        if kind == "fused"
    ]
    assert fused == [(("conv0", "relu0"), "FusedConv"), (("conv1", "relu1"), "FusedConv")]
    assert found.sentence == "4 of 6 nodes differ: 4 fused."


def test_what_onnx_runtime_laid_out_anew_has_lost_the_names_of_its_values(tmp_path: Path) -> None:
    proto = convolutions()
    found = between(Model(proto, tmp_path / "m.onnx"), optimised(proto, tmp_path, "ALL"))
    first = next(left for kind, left, _ in told(found) if kind == "fused")
    assert first == ("conv0", "relu0")
    assert Kind.LEFT not in {each.kind for each in found.differences}


def layer(name: str, inputs: list[str], outputs: list[str], claims: tuple[str, ...] = ()) -> Unit:
    return Unit(
        f"l:{name}", name, name, "Layer", "tensorrt", inputs=tuple(inputs), outputs=tuple(outputs), claims=claims
    )


def test_layers_of_an_engine_say_what_they_stand_for() -> None:
    """Many to one and one to many, with no value between that both have."""
    one = outline(model_of(blocks(2), initializers=WEIGHTS), "")
    layers = [
        Unit("i:x", "x", "x", "input", outputs=("x",)),
        layer("b0/Gemm + b0/Relu + b0/Add", ["x"], ["t0"], ("b0/Gemm", "b0/Relu", "b0/Add")),
        layer("b1/Gemm", ["t0"], ["t1"], ("b1/Gemm",)),
        layer("reformat", ["t1"], ["t2"], ("b1/Gemm",)),
        layer("b1/Relu + b1/Add", ["t2", "t0"], ["y"], ("b1/Relu", "b1/Add")),
        Unit("o:y", "y", "y", "output", inputs=("y",)),
    ]
    found = matching(one, Outline(tuple(layers), {}))
    assert next((left, len(right)) for _, left, right in told(found)) == (("b0/Gemm", "b0/Relu", "b0/Add"), 1)
    assert Counter(each.kind for each in found.differences).keys() <= {Kind.FUSED, Kind.CHANGED}
    assert not {unit for each in found.differences for unit in each.right} ^ {1, 2, 3, 4}


def test_types_differ_where_they_begin_to() -> None:
    def typed(axis: int) -> Model:
        nodes = [
            helper.make_node("Transpose", ["x"], ["t"], "turn", perm=[1, 0] if axis else [0, 1]),
            helper.make_node("Relu", ["t"], ["r"], "relu"),
            helper.make_node("Sigmoid", ["r"], ["s"], "sigmoid"),
        ]
        model = model_of(nodes, outputs=["s"])
        model.proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 7
        del model.proto.graph.output[0].type.tensor_type.shape.dim[:]
        return model.with_types(infer_types(model))

    change = only(between(typed(0), typed(1)))
    assert change.what == ("attribute perm: 0, 1 → 1, 0", "type of output 0: float 1×7 → float 7×1")


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.sampled_from(["Add", "Mul", "Sub"])), max_size=24),
    st.data(),
)
def test_every_unit_is_in_one_match_whatever_the_graphs_are(
    lines: list[tuple[int, int, str]], data: st.DataObject
) -> None:
    """Cycles, values made twice, values made nowhere: each unit is in exactly one match, and itself is the same."""

    def graph(lines: list[tuple[int, int, str]]) -> Model:
        return model_of(
            [helper.make_node(op, [f"v{a}", f"v{b}"], [f"v{at % 7}"], f"n{a}") for at, (a, b, op) in enumerate(lines)],
            inputs=["v8"],
            outputs=["v1"],
        )

    other = data.draw(st.permutations(lines))
    found = between(graph(lines), graph(other[: len(other) // 2]))
    for side, units in enumerate((found.left.units, found.right.units)):
        placed = [unit for each in found.matches for unit in (each.left, each.right)[side]]
        assert sorted(placed) == list(range(len(units)))
    assert not between(graph(lines), graph(lines)).differences


def test_a_group_stands_for_the_smallest_that_holds_the_counterparts_of_its_nodes() -> None:
    """Nodes of scope ``b0`` are split over two deeper ones on the right; ``b1`` is called ``c1`` there."""

    def regroup(nodes: list[NodeProto]) -> None:
        for node in nodes:
            scope, _, name = node.name.partition("/")
            if scope == "b0":
                node.name = f"/b0/{'first' if name == 'Gemm' else 'rest'}/{name}"
            else:
                node.name = f"/{'c1' if scope == 'b1' else scope}/{name}"
        nodes.insert(1, helper.make_node("Abs", ["b0.gemm"], ["abs"], "/b0/first/Abs"))
        nodes[2].input[0] = "abs"

    left, right = stack(lambda nodes: [setattr(node, "name", f"/{node.name}") for node in nodes]), stack(regroup)
    found = between(left, right)
    one, other = group_mates(found, contents(left, ""), contents(right, ""))
    assert {group: one[group] for group in ("s:b0", "s:b1", "s:b2")} == {"s:b0": "s:b0", "s:b1": "s:c1", "s:b2": "s:b2"}
    assert other["s:c1"] == "s:b1"
    assert other["s:b0/rest"] == "s:b0"


def test_what_is_said_of_hostile_names_is_one_printable_line() -> None:
    evil = "a\u202e\nb" * 500
    left, right = (
        model_of([helper.make_node("Custom", ["x"], ["y"], "n", "evil", **{evil: text})]) for text in ("one", evil)
    )
    change = only(between(left, right))
    assert change.kind is Kind.CHANGED
    assert all(each.isprintable() and len(each) <= 200 for each in change.what)


def test_a_value_that_everything_uses_is_matched_in_time() -> None:
    """Work is in proportion to lines: four thousand users of one value, and a node that takes them all."""

    def star(op: str) -> Model:
        rays = [helper.make_node("Relu" if i else op, ["x"], [f"r{i}"]) for i in range(4_000)]
        return model_of([*rays, helper.make_node("Concat", [f"r{i}" for i in range(4_000)], ["y"], axis=0)])

    found = between(star("Relu"), star("Sigmoid"))
    assert found.sentence == "1 of 4,001 nodes differ: 1 changed."


def test_two_models_of_which_nothing_is_the_same_are_not_said_to_be_fused() -> None:
    def chain(ops: str) -> Model:
        count = 60
        names = ["x", *(f"{ops}{at}" for at in range(1, count)), "y"]
        nodes = [
            helper.make_node(ops.split()[at % 3], [names[at]], [names[at + 1]], f"{ops}{at}") for at in range(count)
        ]
        return model_of(nodes)

    found = between(chain("Relu Sin Exp"), chain("Neg Tanh Abs"))
    assert found.sentence == "120 of 120 nodes differ: 60 only left, 60 only right."
