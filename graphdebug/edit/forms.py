"""Which values of a model become half precision, and which nodes and slots keep float32 (see precision.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.opsets import holder, plain, schema, versions
from graphdebug.edit.splice import at
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH, parent_path

Value = tuple[str, str]
"""The path of the graph that makes or gets it, and its name."""

Slots = tuple[list[bool], list[bool]]
"""Of a node: whether each input, and each output, is half."""

KEPT = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Range", "CumSum", "RoiAlign", "Upsample")
"""Operators whose results are not good enough in half precision."""

_TYPE_ATTRIBUTES = {"dtype", "output_dtype", "output_datatype", "to"}
"""Where an attribute says the element type (random numbers, windows, BitCast), the node stays. Cast is looked at."""

_CONTROL_FLOW = ("If", "Loop", "Scan")


class Forms:
    """The form of each float32 value of the main graph and what is nested in it: half or not."""

    def __init__(
        self,
        editor: Editor,
        types: Mapping[str, Mapping[str, ValueType]],
        to: str,
        keep_io: bool,
        keep_ops: Collection[str],
        keep_nodes: Collection[tuple[str, int]],
        keep_values: Collection[Value],
    ) -> None:
        """Work the forms out; ``types`` are those of all values, as far as known."""
        self._editor = editor
        self._types = types
        self._to = to
        self._half_io = not keep_io
        self._keep = (keep_ops, keep_nodes, keep_values)
        self._paths = [path for path in editor.graphs if not path.startswith("fn:")]
        self._opsets = versions(at(editor.proto, holder(MAIN_GRAPH, editor)))
        self._bodies: dict[str, tuple[list[bool], list[bool]]] = {}
        self.kept_nodes: Counter[str] = Counter()
        self._slots = {
            path: [self._of_node(path, node) for node in range(len(self._index(path).nodes))] for path in self._paths
        }
        self._names: dict[Value, tuple[str, str]] = {}
        self._half = self._forms()

    # What the forms are

    @cached_property
    def half_values(self) -> list[Value]:
        """Values that are half as they are made."""
        return [value for value, half in self._half.items() if half]

    def is_half(self, value: Value) -> bool:
        """Say whether a value is made half."""
        return self._half.get(value, False)

    def needs_cast(self, value: Value) -> bool:
        """Say whether some use asks for the other form."""
        return value in self._half and (not self._half[value]) in self._asked.get(value, ())

    def takes_half(self, path: str, node: int, slot: int) -> bool:
        """Say whether a node takes an input half."""
        return self._slots[path][node][0][slot]

    def gives_half(self, path: str, slot: int) -> bool:
        """Say whether a graph gives an output half."""
        return self._half_io if path == MAIN_GRAPH else self._bodies[path][1][slot]

    # What they are called

    def name_for(self, path: str, name: str, *, half: bool) -> str:
        """Return what to take for a value that the graph at ``path`` sees, in the form that is asked for."""
        value = self._home(path, name)
        if value is None or value not in self._half:
            return name
        made, other = self.both_names(value) if self.needs_cast(value) else (name, name)
        return made if half == self._half[value] else other

    def made_name(self, path: str, name: str) -> str:
        """Return what a value is called where it is made."""
        return self.both_names((path, name))[0] if self.needs_cast((path, name)) else name

    def is_called_half(self, path: str, name: str) -> bool:
        """Say whether what is called so now is half."""
        value = (path, name)
        return self.is_half(value) == (self.made_name(path, name) == name) and value in self._half

    def both_names(self, value: Value) -> tuple[str, str]:
        """Return what a value is called as it is made, and in the other form. An output of the model keeps its name."""
        if value not in self._names:
            path, name = value
            half = self._half[value]
            made_is_new = (
                path == MAIN_GRAPH
                and name in self._index(path).outputs
                and half != self._half_io
                and self._is_made(value)
            )
            suffix = self._to if half == made_is_new else "float"
            new = self._editor.names.new(f"{name}_{suffix}")
            self._names[value] = (new, name) if made_is_new else (name, new)
        return self._names[value]

    # How they are worked out

    def _index(self, path: str) -> GraphIndex:
        return self._editor.graph(path)

    def _home(self, path: str | None, name: str) -> Value | None:
        while path is not None and not self._index(path).defines(name):
            path = parent_path(path)
        return None if path is None or not name else (path, name)

    def _type(self, path: str, name: str) -> ValueType | None:
        home = self._home(path, name)
        return self._types[home[0]].get(name) if home else None

    def _is_float(self, path: str, name: str) -> bool:
        known = self._type(path, name)
        return known is not None and (known.kind, known.dtype) == ("tensor", "float")

    def _is_made(self, value: Value) -> bool:
        return value[1] in self._index(value[0]).producer

    def _is_stored(self, value: Value) -> bool:
        """Say whether a value is a constant that can be stored in either form."""
        index, name = self._index(value[0]), value[1]
        if name in index.producer:
            node = index.nodes[index.producer[name]]
            return node.op_type == "Constant" and not plain(node.domain)
        fed = index.defaults if self._editor.proto.ir_version >= 4 else ()
        return name in index.initializers and name not in fed

    def _of_node(self, path: str, position: int) -> Slots:
        index = self._index(path)
        node = index.nodes[position]
        inside = [(name, below) for name, below in index.children.get(position, ()) if name != CALLED_FUNCTION]
        if inside and not plain(node.domain) and node.op_type in _CONTROL_FLOW and not self._is_kept(path, position):
            return self._of_bodies(path, node, [below for _, below in inside])
        if self._must_stay(path, position):
            if any(self._is_float(path, name) for name in (*node.input, *node.output)):
                self.kept_nodes[node.op_type] += 1
            for _, below in inside:
                body = self._index(below)
                self._bodies[below] = ([False] * len(body.proto.input), [False] * len(body.outputs))
            return [False] * len(node.input), [False] * len(node.output)
        rule = schema(node.op_type, node.domain, self._opsets.get(""))
        half = f"tensor({self._to})"

        def can(formals: list[onnx.defs.OpSchema.FormalParameter], count: int) -> list[bool]:
            return [half in formals[min(slot, len(formals) - 1)].types for slot in range(count)]

        return can(list(rule.inputs), len(node.input)), can(list(rule.outputs), len(node.output))

    def _is_kept(self, path: str, position: int) -> bool:
        """Say whether the user wants a node to stay."""
        node = self._index(path).nodes[position]
        ops, nodes, values = self._keep
        return (path, position) in nodes or node.op_type in ops or any((path, name) in values for name in node.output)

    def _must_stay(self, path: str, position: int) -> bool:
        node = self._index(path).nodes[position]
        rule = schema(node.op_type, node.domain, self._opsets.get(""))
        if self._is_kept(path, position) or self._index(path).children.get(position) or node.op_type in KEPT:
            return True
        if rule is None or plain(node.domain):
            return True
        if _TYPE_ATTRIBUTES.intersection(rule.attributes) and node.op_type != "Cast":
            return True
        if (node.input and not rule.inputs) or (node.output and not rule.outputs):
            return True
        if node.op_type == "Constant":
            return any(each.name == "sparse_value" for each in node.attribute)
        if node.op_type in ("Cast", "ConstantOfShape"):
            return False
        known = [self._type(path, name) for name in (*node.input, *node.output) if name]
        return any(
            each is None or not each.dtype or (each.kind != "tensor" and each.dtype == "float") for each in known
        )

    def _of_bodies(self, path: str, node: onnx.NodeProto, bodies: list[str]) -> Slots:
        """Of If, Loop and Scan: what they pass on is half where each value on its way is a float32 tensor."""
        names = [(path, list(node.input), list(node.output))]
        for below in bodies:
            index = self._index(below)
            names.append((below, [entry.name for entry in index.proto.input], index.outputs))
        slots: list[Slots] = [([False] * len(inputs), [False] * len(outputs)) for _, inputs, outputs in names]
        for group in _passed(node, len(bodies)):
            ends = [(who, side, slot) for who, side, slot in group if slot < len(slots[who][side])]
            named = [(names[who][0], names[who][1 + side][slot]) for who, side, slot in ends]
            if all(self._is_float(*value) and value not in self._keep[2] for value in named if value[1]):
                for who, side, slot in ends:
                    slots[who][side][slot] = True
        self._bodies |= dict(zip(bodies, slots[1:], strict=True))
        return slots[0]

    def _forms(self) -> dict[Value, bool]:
        """Return the form in which each float32 value is made; constants are stored as all their uses ask for."""
        made: dict[Value, bool] = {}
        for path in self._paths:
            index = self._index(path)
            outputs = index.outputs if path == MAIN_GRAPH else ()
            for name in dict.fromkeys([*index.inputs, *index.defaults, *index.initializers, *index.producer]):
                value = (path, name)
                if not self._is_float(path, name) or name in index.sparse:
                    continue
                if name in outputs and name not in index.producer:
                    made[value] = self._half_io
                else:
                    made[value] = value not in self._keep[2] and self._is_made_half(index, value)
        return made

    def _is_made_half(self, index: GraphIndex, value: Value) -> bool:
        path, name = value
        by_uses = self._asked.get(value) == {True}
        if name in index.producer:
            position = index.producer[name]
            can = self._slots[path][position][1][list(index.nodes[position].output).index(name)]
            return can and (by_uses or not self._is_stored(value))
        if self._is_stored(value):
            return by_uses
        if path == MAIN_GRAPH:
            return self._half_io and self._asked.get(value) != {False}
        return self._bodies[path][0][[entry.name for entry in index.proto.input].index(name)]

    @cached_property
    def _asked(self) -> dict[Value, set[bool]]:
        """Which forms the uses of each value ask for."""
        found: dict[Value, set[bool]] = {}
        for path in self._paths:
            index = self._index(path)
            asked = [
                (name, half)
                for node, slots in zip(index.nodes, self._slots[path], strict=True)
                for name, half in zip(node.input, slots[0], strict=True)
            ]
            asked += [(name, self.gives_half(path, slot)) for slot, name in enumerate(index.outputs)]
            for name, half in asked:
                if name and (home := self._home(path, name)):
                    found.setdefault(home, set()).add(half)
        return found


def _passed(node: onnx.NodeProto, bodies: int) -> Iterator[list[tuple[int, int, int]]]:
    """Go through what If, Loop and Scan pass on: (0: the node, from 1 on: its bodies; 0: input, 1: output; slot).

    Source: https://onnx.ai/onnx/operators/, the attributes ``body``, ``then_branch`` and ``else_branch``.
    """
    if node.op_type == "If":
        for slot in range(len(node.output)):
            yield [(who, 1, slot) for who in range(bodies + 1)]
        return
    # A Loop's first two inputs are its count and its condition, which its body gives as its first output.
    first, skipped = (2, 1) if node.op_type == "Loop" else (0, 0)
    scanned = next((each.i for each in node.attribute if each.name == "num_scan_inputs"), 0)
    states = len(node.input) - first - scanned
    for at_ in range(states):
        yield [(0, 0, first + at_), (1, 0, first + at_), (1, 1, skipped + at_), (0, 1, at_)]
    for at_ in range(states, states + scanned):
        yield [(0, 0, at_), (1, 0, at_)]
    for at_ in range(states, len(node.output)):
        yield [(1, 1, skipped + at_), (0, 1, at_)]
