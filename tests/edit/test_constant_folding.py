"""Constant folding: what always gives the same is a Constant, in every graph, and the numbers stay."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphdebug.edit.constant_folding import FoldConstants
from graphdebug.edit.operation import edited
from graphdebug.model.document import Model
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs
from tests.edit.running import outputs, sample_names, serialised, tried

Opened = Callable[[str], Model]
TEXT = """<ir_version: 9, opset_import: ["": 20, "f": 1]>
    m (bool c, float[2, 8] x) => (float[M, N] y, float[2] z, float[4] v)
    <float[4] w = {4, 3, 2, 1}, int64[1] two = {2}, float dice = {0.5}> {
        ends = Constant <value_ints = [3, 2]> ()
        swap = Sub (ends, two)
        shape = Shape (x)
        turned = Gather (shape, swap)
        y = Reshape (x, turned)
        sine = Sin (w)
        first, second = Split <num_outputs = 2> (sine)
        z = If (c) < then_branch = t () => (float[2] p) { k = Neg (first)  p = Cos (k) }, else_branch = e () =>
            (float[2] q) { q = Add (second, first) } >
        random = RandomUniformLike (w)
        tossed = f.G (random)
        v = Add (tossed, sine)
    }
    <domain: "f", opset_import: ["": 20]> G (g) => (h)
        { zero = Constant <value_float = 0.0> ()  one = Add (zero, zero)  h = Mul (g, one) }"""


def kinds(model: Model, graph: str = "") -> list[str]:
    return [node.op_type for node in model.graphs[graph].nodes]


def test_what_is_constant_is_worked_out(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(TEXT)
    after = tried(model, FoldConstants())
    assert kinds(after.model) == ["Constant", "Reshape", "Constant", "If", "RandomUniformLike", "G", "Add"]
    assert kinds(after.model, "fn:f:G:") == ["Constant", "Mul"]
    assert [node.op_type for node in after.model.proto.graph.node[3].attribute[0].g.node] == ["Constant"]
    assert [tensor.name for tensor in after.model.proto.graph.initializer] == ["w", "dice"]
    for chosen in (True, False):
        feeds = {"x": np.random.default_rng(0).random((2, 8), np.float32), "c": np.array(chosen)}
        before, now = outputs(model, tmp_path, feeds), outputs(after.model, tmp_path, feeds)
        assert all(np.allclose(before[name], now[name], atol=1e-6) for name in before)
    assert tried(after.model, FoldConstants()).notes == ("There was nothing to fold.",)
    assert serialised(edited(model, FoldConstants(largest=0)).model) == serialised(model)


@pytest.mark.parametrize("sample", sample_names())
def test_samples_keep_their_numbers(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    after = edited(model, FoldConstants()).model
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    if "scales" in feeds:
        feeds["scales"] = np.float32([1, 1, 2, 2])
    before = outputs(model, tmp_path, feeds)
    for name, found in outputs(after, tmp_path, feeds).items():
        assert np.allclose(before[name], found, rtol=1e-4, atol=1e-5, equal_nan=True)
