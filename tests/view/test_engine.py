"""An ONNX graph beside an engine's layers: each with the nodes it was made of, many to one and one to many."""

from pathlib import Path

import onnx
import pytest

from graphdebug.model.document import Model
from graphdebug.model.engine_layers import layers_model
from graphdebug.view.differences import Kind, matching
from graphdebug.view.outline import outline
from tests.engines import layer_info


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("sample", ["resnet_torchscript.onnx", "resnet_dynamo.onnx", "branching_blocks.onnx"])
def test_each_layer_is_matched_with_the_nodes_it_was_made_of(samples: Path, sample: str, metadata: bool) -> None:
    proto = onnx.load(samples / sample)
    text, made_of = layer_info(proto.graph, metadata)
    engine = Model(layers_model(text), Path("engine.onnx"))
    found = matching(outline(Model(proto, samples / sample), ""), outline(engine, ""))
    groups = {unit: match for match in found.matches for unit in match.right}
    ids = {each.id: unit for unit, each in enumerate(found.right.units)}
    layers = [ids[f"n:{layer}"] for layer in range(len(made_of))]
    for unit, names in zip(layers, made_of, strict=True):
        match = groups[unit]
        ours = {found.left.units[each].name for each in match.left}
        if names:
            assert ours.issuperset(names), (found.right.units[unit].name, ours)
            together = [layers[at] for at, other in enumerate(made_of) if set(other) & set(names)]
            assert ours - {""} <= set(names) and set(match.right) <= {*together, *_copies(made_of, layers)}
            assert match.kind in (Kind.FUSED, Kind.CHANGED)
    assert not [match for match in found.matches if match.kind is Kind.LEFT]


def _copies(made_of: list[list[str]], layers: list[int]) -> list[int]:
    return [layers[at] for at, names in enumerate(made_of) if not names]
