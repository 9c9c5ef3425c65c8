"""Constant folding: nodes that always give the same are replaced by what they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import onnx
from onnx import helper

from graphdebug.edit.difference import become
from graphdebug.edit.editor import Editor
from graphdebug.edit.initializers import stored_values
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import holder, plain, schema, versions
from graphdebug.edit.splice import at
from graphdebug.edit.sweeping import sweep
from graphdebug.edit.values import chunks, with_values
from graphdebug.edit.ways import graph_way
from graphdebug.model.document import Types
from graphdebug.model.folding import evaluate
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import parent_path
from graphdebug.model.shapes import infer_types
from graphdebug.model.tensors import Array, payload_bytes
from graphdebug.model.value_types import dtype_number, element_bits

MOST = 1 << 26
"""Bytes of all constants that are worked out together."""

_NEVER = (
    *("Constant", "DequantizeLinear", "Dropout", "Bernoulli", "Multinomial"),
    *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
)
"""Not the same each time, or (quantized weights) larger than what they are made of."""


class FoldConstants(Operation, frozen=True):
    """Replace nodes that always give the same, in every graph, by Constants. What only they used goes, too.

    ``largest``: bytes of the largest value that is looked at or worked out. Shapes that are known count as constants.
    """

    heavy: ClassVar[bool] = True
    keeps_results: ClassVar[bool] = True
    largest: int = 1 << 16

    @property
    def title(self) -> str:
        """What it does."""
        return "Fold constants"

    def apply(self, editor: Editor) -> None:
        """Fold them: shapes by our own rules, others by ONNX Runtime; what it cannot run stays."""
        folding = _Folding(editor, self.largest, infer_types(editor.model))
        paths = list(editor.graphs)
        for path in paths:
            folding.look_at(path)
        after = onnx.ModelProto()
        after.CopyFrom(editor.proto)
        taken = folding.taken()
        for way, path in [(graph_way(after, path), path) for path in reversed(paths)]:
            folding.rewrite(path, at(after, way))
        become(editor, after)
        # Sweeping a graph moves those that are nested in it, so these come first.
        for path in list(editor.graphs)[::-1]:
            sweep(editor, path, [name for name in taken if editor.graph(path).defines(name)])
        said = ", ".join(f"{count:,} {op}" for op, count in folding.folded.most_common())
        editor.notes.append(f"Folded: {said}." if said else "There was nothing to fold.")


@dataclass
class _Folding:
    """Works out constants of graphs, outer ones first."""

    editor: Editor
    largest: int
    types: Types
    known: dict[str, dict[str, Array]] = field(default_factory=dict)
    made: dict[tuple[str, int], list[Array]] = field(default_factory=dict)
    folded: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def look_at(self, path: str) -> None:
        """Work out what can be in one graph."""
        index = self.editor.graph(path)
        above = parent_path(path)
        known = self.known[path] = dict(self.known[above]) if above is not None else {}
        for name, tensor in index.initializers.items():
            if name not in index.defaults and payload_bytes(tensor) <= self.largest:
                known[name] = stored_values(self.editor, tensor)
        types = {**self.editor.source.types.get(path, {}), **self.types.get(path, {})}
        imported = versions(at(self.editor.proto, holder(path, self.editor)))
        for position in index.order:
            node = index.nodes[position]
            if node.op_type == "Constant" and not plain(node.domain):
                value = self._constant(node)
                if value is not None:
                    known[node.output[0]] = value
                continue
            values = self._worked_out(index, position, known, types, imported)
            size = sum(value.nbytes for value in values)
            if values and self.total + size <= MOST and all(value.nbytes <= self.largest for value in values):
                self.total += size
                self.folded[node.op_type] += 1
                self.made[path, position] = values
                known.update(zip(node.output, values, strict=True))

    def taken(self) -> list[str]:
        """Return the values that the folded nodes took."""
        nodes = [self.editor.graph(path).nodes[position] for path, position in self.made]
        return list(dict.fromkeys(name for node in nodes for name in node.input if name))

    def rewrite(self, path: str, graph: Any) -> None:
        """Put Constants in the place of what was worked out."""
        if not any(where == path for where, _ in self.made):
            return
        nodes = [new for position, node in enumerate(graph.node) for new in self._instead(path, position, node)]
        del graph.node[:]
        graph.node.extend(nodes)

    def _instead(self, path: str, position: int, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        values = self.made.get((path, position))
        if values is None:
            yield node
            return
        for slot, (name, value) in enumerate(zip(node.output, values, strict=True)):
            if name:
                made = onnx.NodeProto(op_type="Constant", output=[name], metadata_props=node.metadata_props)
                if node.name and slot == 0:
                    made.name = node.name
                number = helper.np_dtype_to_tensor_dtype(value.dtype)
                tensor = with_values(self.editor, onnx.TensorProto(), number, value.shape, chunks(value))
                made.attribute.append(helper.make_attribute("value", tensor))
                yield made

    def _constant(self, node: onnx.NodeProto) -> Array | None:
        tensor = next((each.t for each in node.attribute if each.name == "value" and not each.ref_attr_name), None)
        if tensor is not None:
            return stored_values(self.editor, tensor) if payload_bytes(tensor) <= self.largest else None
        return evaluate(node, {}, {})

    def _worked_out(
        self, index: GraphIndex, position: int, known: Mapping[str, Array], types: Any, imported: Mapping[str, int]
    ) -> list[Array]:
        """Return what a node always gives; nothing if that is not known."""
        node = index.nodes[position]
        if node.op_type in _NEVER or plain(node.domain) or position in index.children or not node.input:
            return []
        if any(attribute.ref_attr_name for attribute in node.attribute):
            return []
        small = {name: known[name] for name in node.input if name in known}
        if len(node.output) == 1 and (value := evaluate(node, small, types)) is not None:
            return [np.array(value, order="C")]
        if any(name and name not in known for name in node.input) or not all(
            map(self._fits, map(types.get, node.output))
        ):
            return []
        rule = schema(node.op_type, "", imported.get(""))
        return [] if rule is None else _run(node, small, self.editor.proto.ir_version, imported[""])

    def _fits(self, known: Any) -> bool:
        """Say whether a value of a type is small enough to be worked out."""
        if known is None or known.kind != "tensor" or known.shape is None:
            return False
        bits = element_bits(dtype_number(known.dtype))
        if bits is None or not all(isinstance(dim, int) for dim in known.shape):
            return False
        return int(np.prod(known.shape, dtype=object)) * bits <= 8 * self.largest


def _run(node: onnx.NodeProto, values: Mapping[str, Array], ir_version: int, opset: int) -> list[Array]:
    """Run one node on ONNX Runtime; nothing when it cannot."""
    runtime = import_module("onnxruntime")  # not before it is needed: this may be imported by the server
    try:
        inputs = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in values.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = helper.make_graph([node], "constant", inputs, outputs)
        imports = [helper.make_opsetid("", opset)]
        model = helper.make_model(graph, ir_version=ir_version, opset_imports=imports)
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = dict(zip((each.name for each in outputs), session.run(None, dict(values)), strict=True))
    except Exception:  # ONNX Runtime raises a type of its own for each failure; the node stays
        return []
    return [np.array(found[name], order="C") if name else np.empty(0) for name in node.output]
