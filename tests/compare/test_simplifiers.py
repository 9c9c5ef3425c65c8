"""What simplifiers make of a model, beside each other."""

from pathlib import Path

import onnx
import pytest

from graphdebug.compare.simplifiers import TOOLS, SimplifiersRequest, SimplifiersResult, simplifiers_job
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec

TEXT = """<ir_version: 9, opset_import: ["": 20]> m (float[2, 64] x) => (float[8, 16] y)
    <int64[1] four = {4}, int64[1] sixteen = {16}> {
        two = Add (four, four)
        shape = Concat <axis = 0> (two, sixteen)
        i = Identity (x)
        y = Reshape (i, shape)
    }"""


def asked(proto: onnx.ModelProto, folder: Path) -> SimplifiersResult:
    path = folder / "m.onnx"
    onnx.save(proto, path)
    made = folder / "job"
    made.mkdir()
    request = SimplifiersRequest(ModelLocation(str(path)), 1 << 16, FeedSpec())
    return simplifiers_job(request, made, lambda share, what: None)


def test_each_tool_says_what_went_and_is_run(tmp_path: Path) -> None:
    for tool in TOOLS:
        pytest.importorskip(tool, reason="optional: pip install graphdebug[simplify]")
    found = asked(onnx.parser.parse_model(TEXT), tmp_path)
    assert (found.nodes, [each.tool for each in found.tools]) == (4, ["onnxsim", "onnxslim"])
    for each in found.tools:
        assert each.nodes == 1 and dict(each.gone) == {"Add": 1, "Concat": 1, "Identity": 1}, each
        assert each.verdict is not None and (each.verdict.outcome, each.verdict.matched) == ("match", 1), each.error


def test_what_cannot_be_run_is_said(tmp_path: Path) -> None:
    for tool in TOOLS:
        pytest.importorskip(tool, reason="optional: pip install graphdebug[simplify]")
    proto = onnx.parser.parse_model(TEXT)
    proto.graph.node.append(onnx.helper.make_node("Nothing", ["x"], ["z"], domain="of.my.own"))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, None))
    proto.opset_import.add(domain="of.my.own", version=1)
    for each in asked(proto, tmp_path).tools:
        assert each.verdict is None and each.error, each
