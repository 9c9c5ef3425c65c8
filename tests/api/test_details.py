"""Details of every node of ONNX's own models: nothing raises, and every way to a neighbour leads there and back."""

from collections.abc import Iterator
from pathlib import Path

import onnx.backend.test
import pytest

from graphdebug.api.details import NodeDetails, NotFoundError, node_details, value_details
from graphdebug.api.group_details import group_details, selection_details
from graphdebug.model.document import Model, open_model
from graphdebug.view.contents import contents

DATA = Path(onnx.backend.test.__file__).parent / "data"


def models() -> Iterator[Path]:
    """One of each operator's test models, and all of those in real folders."""
    seen: set[str] = set()
    for path in sorted(DATA.glob("*/*/model.onnx")):
        stem = path.parent.name.split("_")[1]
        if stem not in seen:
            seen.add(stem)
            yield path


def check(model: Model, graph: str, found: NodeDetails) -> None:
    for value in found.inputs:
        if value.producer is not None:
            producer = node_details(model, value.producer.graph, int(value.producer.id[2:]))
            assert value.name in [each.name for each in producer.outputs]
        if value.role != "absent":
            assert value_details(model, graph, value.name).value.name == value.name
    for value in found.outputs:
        for consumer in value.consumers:
            there = node_details(model, consumer.graph, int(consumer.id[2:]))
            assert value.name in [each.name for each in there.inputs] or there.children


@pytest.mark.parametrize("path", models(), ids=lambda path: path.parent.name)
def test_every_node_can_be_described(path: Path) -> None:
    model = open_model(path)
    for graph, index in model.graphs.items():
        for position in range(len(index.nodes)):
            check(model, graph, node_details(model, graph, position))
        for group in contents(model, graph).groups:
            assert group_details(model, graph, group).nodes >= 2


def test_several_boxes_are_described_as_one_group(samples: Path) -> None:
    model = open_model(samples / "branching_blocks.onnx")
    nodes = model.graphs[""].nodes
    found = selection_details(model, "", ["s:block2", "n:6", "v:y", "n:99"])
    assert (found.nodes, dict(found.ops)) == (3, {"Conv": 2, "Relu": 1})
    assert [value.name for value in found.inputs] == list(nodes[1].output)
    assert [value.name for value in found.outputs] == [*nodes[3].output, *nodes[6].output]
    assert selection_details(model, "", ["v:y"]).nodes == 0
    with pytest.raises(NotFoundError):
        selection_details(model, "9.then", ["n:0"])
