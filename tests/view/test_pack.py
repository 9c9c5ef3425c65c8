"""The packed scene, read back by a reader written from docs/architecture.md alone."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphdebug.model.document import open_model
from graphdebug.view.labels import CATEGORIES
from graphdebug.view.pack import pack
from graphdebug.view.scene import Kind, Scene, scene
from tests.view.drawings import chain_model, model_of
from tests.view.test_scene import HOSTILE

TYPES = {"f4": "<f4", "i4": "<i4", "u1": "u1"}
PER_BOX = ("kind", "category", "id", "op", "label", "chips", "parent", "count", "severity", "weights")


def unpack(data: bytes) -> tuple[dict[str, np.ndarray], list[str], dict[str, Any]]:
    """Return sections, strings and meta."""
    assert data[:4] == b"GDS1"
    [length] = struct.unpack("<I", data[4:8])
    header = json.loads(data[8 : 8 + length])
    start = -(-(8 + length) // 8) * 8
    sections = {
        name: np.frombuffer(data, TYPES[dtype], count, start + offset)
        for name, (dtype, offset, count) in header["sections"].items()
    }
    return sections, header["strings"], header["meta"]


def check_round_trip(shown: Scene) -> None:
    sections, strings, meta = unpack(pack(shown))
    texts = [*strings, ""]  # −1 is none
    assert sections["box_rect"].reshape(-1, 4) == pytest.approx(
        np.array([(b.x, b.y, b.width, b.height) for b in shown.boxes], dtype=np.float32).reshape(-1, 4)
    )
    for name in PER_BOX:
        read = sections[f"box_{name}"].tolist()
        read = [texts[i] for i in read] if name in ("id", "op", "label", "chips") else read
        assert read == [getattr(box, name) for box in shown.boxes]
    assert sections["edge_ends"].reshape(-1, 2).tolist() == [[edge.tail, edge.head] for edge in shown.edges]
    assert [texts[i] for i in sections["edge_value"]] == [edge.value for edge in shown.edges]
    assert [texts[i] for i in sections["edge_label"]] == [edge.label for edge in shown.edges]
    assert sections["edge_count"].tolist() == [edge.count for edge in shown.edges]
    starts, points = sections["edge_start"], sections["edge_points"].reshape(-1, 2)
    assert len(starts) == len(shown.edges) + 1
    assert starts[-1] == len(points)
    for edge, first, end in zip(shown.edges, starts, starts[1:], strict=False):
        assert np.array_equal(points[first:end], edge.points.astype(np.float32))
    assert meta["size"] == [shown.width, shown.height]
    assert meta["categories"] == list(CATEGORIES)
    assert (meta["expanded"], meta["children"]) == (list(shown.expanded), shown.children)


def test_round_trip_of_the_samples(samples: Path) -> None:
    for path in sorted(samples.glob("*.onnx")):
        model = open_model(path)
        for graph in model.graphs:
            check_round_trip(scene(model, graph))


def test_round_trip_of_hostile_names_and_of_nothing() -> None:
    check_round_trip(scene(chain_model(HOSTILE), ""))
    check_round_trip(scene(model_of([], inputs=[], outputs=[]), ""))


def test_a_large_scene_is_small_and_the_same_every_time() -> None:
    model = chain_model([f"/layers.{i // 10}/Relu_{i}" for i in range(3000)])
    shown = scene(model, "", flat=True)
    assert sum(box.kind == Kind.NODE for box in shown.boxes) == 3000
    data = pack(shown)
    assert len(data) < 150 * 3000
    assert data == pack(scene(model, "", flat=True))
