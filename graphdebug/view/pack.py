"""The scene as bytes for the browser: a JSON header and little-endian arrays, as docs/architecture.md has it."""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphdebug.view.labels import CATEGORIES
from graphdebug.view.scene import Scene

MAGIC = b"GDS1"
_ALIGNMENT = 8


@dataclass
class _Strings:
    """The table of strings; each is stored once."""

    table: dict[str, int] = field(default_factory=dict)

    def add(self, text: str) -> int:
        """Return the position of ``text``; −1 for the empty string."""
        return self.table.setdefault(text, len(self.table)) if text else -1


def pack(scene: Scene) -> bytes:
    """Return the packed scene."""
    strings = _Strings()
    payload = bytearray()
    described: dict[str, list[str | int]] = {}
    for name, dtype, values in _sections(scene, strings):
        payload += b"\0" * (-len(payload) % _ALIGNMENT)
        described[name] = [dtype, len(payload), values.size]
        payload += np.ascontiguousarray(values, dtype="<" + dtype if dtype != "u1" else dtype).tobytes()
    header = {"strings": list(strings.table), "sections": described, "meta": meta(scene)}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    start = MAGIC + struct.pack("<I", len(text)) + text
    return start + b"\0" * (-len(start) % _ALIGNMENT) + bytes(payload)


def meta(scene: Scene) -> dict[str, Any]:
    """Return the scene's ``meta``: what is true of it as a whole."""
    return {
        "model": scene.model,
        "graph": scene.graph,
        "title": scene.title,
        "direction": scene.direction,
        "expanded": list(scene.expanded),
        "flat": scene.flat,
        "size": [scene.width, scene.height],
        "categories": list(CATEGORIES),
        "nodes": scene.nodes,
        "trail": list(scene.trail),
        "children": scene.children,
        "notices": list(scene.notices),
    }


def _sections(scene: Scene, strings: _Strings) -> list[tuple[str, str, NDArray[Any]]]:
    boxes, edges = scene.boxes, scene.edges
    lengths = [len(edge.points) for edge in edges]
    return [
        ("box_rect", "f4", np.array([(box.x, box.y, box.width, box.height) for box in boxes])),
        ("box_kind", "u1", np.array([box.kind for box in boxes])),
        ("box_category", "u1", np.array([box.category for box in boxes])),
        ("box_id", "i4", np.array([strings.add(box.id) for box in boxes])),
        ("box_op", "i4", np.array([strings.add(box.op) for box in boxes])),
        ("box_label", "i4", np.array([strings.add(box.label) for box in boxes])),
        ("box_chips", "i4", np.array([strings.add(box.chips) for box in boxes])),
        ("box_parent", "i4", np.array([box.parent for box in boxes])),
        ("box_count", "i4", np.array([box.count for box in boxes])),
        ("box_severity", "u1", np.array([box.severity for box in boxes])),
        ("box_weights", "u1", np.array([box.weights for box in boxes])),
        ("edge_ends", "i4", np.array([(edge.tail, edge.head) for edge in edges])),
        ("edge_value", "i4", np.array([strings.add(edge.value) for edge in edges])),
        ("edge_label", "i4", np.array([strings.add(edge.label) for edge in edges])),
        ("edge_count", "i4", np.array([edge.count for edge in edges])),
        ("edge_start", "i4", np.concatenate([[0], np.cumsum(lengths)])),
        ("edge_points", "f4", np.concatenate([np.zeros((0, 2)), *(edge.points for edge in edges)])),
    ]
