"""Marks in PyTorch code: found in every export, and nothing else is another for them."""

import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxslim
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

import graphdebug
from graphdebug.api.details import node_details, value_details
from graphdebug.model.document import Model
from graphdebug.model.index import Graphs
from graphdebug.model.marks import marks
from tests.bridge.networks import IMAGE, blocks_exported, exported, four_blocks

EXPORTS = [{"optimize": True}, {"optimize": False}, {"dynamo": False, "opset": 17}]
"""The ways to export: through torch.export, optimised or not, and by tracing."""


class Several(nn.Module):
    """Marks on what is made in various ways: by functions, as one of several outputs, twice by one line, as output."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.conv = nn.Conv1d(4, 4, 1, bias=False)
        self.bn = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Any:
        """[1, 4, 8] → tensors under the names of their marks."""
        parts = torch.stack([x, x * 2, x - 1]).unbind(0)
        largest = x.topk(2)
        made = {
            "norm": self.norm(x + parts[0]),
            "piece": parts[1],
            "index": x.max(-1).indices,
            "places": largest.indices,
            "largest": largest.values,
            "bn": self.bn(self.conv(x)),
            "scaled": (x.to(torch.int64) + 1) * x,  # its types are promoted
            "gelu": nn.functional.gelu(x),
        }
        return {name: graphdebug.mark(value, name) for name, value in made.items()}


def values_at(model: Model, names: list[str], x: Tensor) -> list[np.ndarray]:
    """Run a model and return any of its values."""
    proto = onnx.ModelProto()
    proto.CopyFrom(onnx.load(model.path))
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    feeds = {entry.name: x.numpy() for entry in proto.graph.input}
    return ReferenceEvaluator(proto).run(None, feeds)  # type: ignore[no-any-return]


@pytest.mark.parametrize("how", EXPORTS, ids=str)
def test_each_mark_is_on_its_tensor(how: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(1)
    network, x = Several().eval(), torch.randn(1, 4, 8)
    expected = network(x)
    model = exported(network, tmp_path / "m.onnx", x=x, **how)
    found = marks(model.graphs)
    assert found.keys() == expected.keys()
    assert all(len(refs) == 1 for refs in found.values()), found
    values = values_at(model, [found[name][0].name for name in expected], x)
    for name, value in zip(expected, values, strict=True):
        np.testing.assert_allclose(value, expected[name].detach().numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("how", EXPORTS, ids=str)
def test_a_mark_changes_nothing_that_is_computed(how: dict[str, Any], tmp_path: Path) -> None:
    """By torch.export not one node is added; by tracing an Identity each, which an engine drops."""
    plain = blocks_exported(tmp_path / "plain.onnx", how)
    marked = blocks_exported(tmp_path / "marked.onnx", how, marks=True)
    ops = [[node.op_type for node in model.graphs[""].nodes if node.op_type != "Identity"] for model in (plain, marked)]
    assert ops[0] == ops[1]
    if how.get("dynamo", True):
        assert len(plain.graphs[""].nodes) == len(marked.graphs[""].nodes)
    assert len(marks(marked.graphs)) == 4 and not marks(plain.graphs)
    results = []
    for model in (plain, marked):
        session = onnxruntime.InferenceSession(model.path, providers=["CPUExecutionProvider"])
        results.append(session.run(None, {"x": IMAGE.numpy()})[0])
    assert np.array_equal(*results)


def test_onnxslim_keeps_the_marks_of_a_traced_export(tmp_path: Path) -> None:
    model = blocks_exported(tmp_path / "m.onnx", {"dynamo": False, "opset": 17}, marks=True)
    slim = onnxslim.slim(str(model.path))
    found = marks(Graphs(slim))
    assert len(found) == 4
    onnx.save(slim, model.path)
    [value] = values_at(model, [found["block.0"][0].name], IMAGE)
    np.testing.assert_allclose(value, four_blocks().blocks[0](IMAGE).detach(), rtol=1e-4, atol=1e-5)  # type: ignore


def test_a_tensor_that_the_exporter_merges_has_no_mark_any_more(tmp_path: Path) -> None:
    class Merged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.bn(graphdebug.mark(self.conv(x), "conv")) * 2  # type: ignore[no-any-return]

    network = Merged().eval()
    assert marks(exported(network, tmp_path / "kept.onnx", optimize=False).graphs)["conv"]
    assert not marks(exported(network, tmp_path / "gone.onnx").graphs).get("conv")


def test_the_same_line_of_several_modules_and_of_a_loop(tmp_path: Path) -> None:
    class Loop(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(3):
                x = graphdebug.mark(x + 1, "step")
            return x * 2

    assert len(marks(blocks_exported(tmp_path / "m.onnx", marks=True, same=True).graphs)["block"]) == 4
    assert len(marks(exported(Loop(), tmp_path / "loop.onnx").graphs)["step"]) == 3


def test_eager_compiled_and_scripted_networks_are_what_they_were() -> None:
    network, x = four_blocks(marks=True), IMAGE.clone().requires_grad_()
    marked = graphdebug.mark(x, "x")
    assert marked is x
    network(x).sum().backward()
    gradient = x.grad
    plain = IMAGE.clone().requires_grad_()
    four_blocks()(plain).sum().backward()
    assert gradient is not None and torch.equal(gradient, plain.grad)  # type: ignore[arg-type]
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    assert torch.equal(compiled(IMAGE), network(IMAGE))
    assert torch.equal(torch.jit.trace(network, IMAGE)(IMAGE), network(IMAGE))  # type: ignore[operator]
    assert "view_as" not in str(torch.jit.trace(network, IMAGE).inlined_graph)

    def scripted(x: Tensor) -> Tensor:
        return graphdebug.mark(x * 2, "twice")

    assert torch.equal(torch.jit.script(scripted)(IMAGE), IMAGE * 2)


def test_what_cannot_be_marked_is_said() -> None:
    class Marks(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, x: Tensor) -> Tensor:
            made = {"input": x, "piece": x.chunk(2)[0]}
            return graphdebug.mark(made.get(self.name, x + 1), self.name) * 2

    for name in ("input", "piece"):
        with pytest.warns(UserWarning, match=f"The mark '{name}' is lost"):
            torch.export.export(Marks(name), (torch.ones(4),))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        torch.export.export(Marks("made"), (torch.ones(4),))
    with pytest.raises(Exception, match=re.escape("The mark 'a b' needs a name of letters, digits and _ . - only.")):
        torch.export.export(Marks("a b"), (torch.ones(4),))


def test_importing_graphdebug_imports_no_torch_and_a_mark_nothing_else_of_graphdebug() -> None:
    code = (
        "import sys, graphdebug; assert 'torch' not in sys.modules; graphdebug.mark; "
        "print(sorted(name for name in sys.modules if name.startswith('graphdebug')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "['graphdebug', 'graphdebug.bridge', 'graphdebug.bridge.marking']"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        graphdebug.nothing  # noqa: B018


@pytest.mark.parametrize("how", EXPORTS, ids=str)
def test_what_is_said_of_a_tensor_names_its_mark(how: dict[str, Any], tmp_path: Path) -> None:
    model = blocks_exported(tmp_path / "m.onnx", how, marks=True)
    index = model.graphs[""]
    [ref] = marks(model.graphs)["block.1"]
    assert value_details(model, "", ref.name).value.marks == ("block.1",)
    assert node_details(model, "", index.producer[ref.name]).outputs[0].marks == ("block.1",)
    assert value_details(model, "", "x").value.marks == ()
