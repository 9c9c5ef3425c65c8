"""Which tensor of a model stands for what of the network in PyTorch that it was exported from.

Names are evidence, never proof: a counterpart must have the element type and the shape that PyTorch really gave, and
where the export says too little to tell one from another, nothing is paired. A convolution into which the exporter
folded the batch normalisation behind it stands for what the *normalisation* gives. Values are not looked at here: who
wants pairs confirmed by them gets all that is needed in `Counterparts.found`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from graphdebug.bridge.exported_scopes import base, left_behind
from graphdebug.bridge.records import MODULE, NETWORK, OPERATION, Counterpart, Counterparts, Record
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueType

_NORMALISED = "batch_norm"
_FOLDED_INTO = frozenset(["Conv", "ConvTranspose", "Gemm", "MatMul", "Add"])
_SIZES = frozenset(["Shape", "Size", "ConstantOfShape", "Range"])
_UNKNOWN = "nothing in PyTorch is known to be it"


def counterparts(
    index: GraphIndex, types: Mapping[str, ValueType], dims: Mapping[str, int], records: Sequence[Record]
) -> Counterparts:
    """Find what the tensors that the main graph computes stand for.

    Args:
        index: the main graph.
        types: the types of its tensors as far as they are known.
        dims: lengths that symbolic dimensions had in the run that ``records`` tell of.
        records: all that PyTorch computed in it, in order.
    """
    search = _Search(index, types, dims, records)
    search.outputs()
    search.modules(surely=True)
    search.operations()
    search.modules(surely=False)
    return search.result()


class _Search:
    """Pairs are added from the surest kind of evidence to the weakest; what was found stays."""

    def __init__(
        self, index: GraphIndex, types: Mapping[str, ValueType], dims: Mapping[str, int], records: Sequence[Record]
    ) -> None:
        self._index, self._types, self._dims, self._records = index, types, dims, records
        paths = {record.scope for record in records}
        self._left = left_behind(index, {*paths, *(parent for path in paths for parent in _parents(path))})
        self._place = {node: at for at, node in enumerate(index.order)}
        self._present = {parent for left in self._left for parent in (left.scope, *_parents(left.scope))}
        self._folded = self._foldings()
        self._found: dict[str, Counterpart] = {}
        self._doubts: dict[str, str] = {}

    def outputs(self) -> None:
        """Pair the model's outputs with the network's, by their order."""
        made = next((at for at, record in enumerate(self._records) if record.scope == NETWORK), None)
        if made is None:
            return
        given = self._records[made].outputs
        names = self._index.outputs
        if len(given) < len(names):
            reason = f"the network gives {len(given)} tensors, the model {len(names)}"
            self._doubts.update(dict.fromkeys(names, reason))
            return
        for output, name in enumerate(names):
            self._pair(name, made, output, "an output of the network")

    def modules(self, *, surely: bool) -> None:
        """Pair what leaves the nodes of a module with what its calls gave.

        ``surely``: as many tensors leave as the calls gave; else the last one that leaves stands for a single output.
        """
        calls: dict[str, list[int]] = defaultdict(list)
        for at, record in enumerate(self._records):
            if record.kind == MODULE and record.scope != NETWORK:
                calls[record.scope].append(at)
        nodes = self._nodes_by_scope(calls)
        for scope in sorted(calls, key=lambda path: -path.count(".")):  # what is inside speaks for itself
            for at_calls, inside in self._told_apart(calls[scope], nodes.get(scope, [])):
                leaving = self._leaving(inside)
                given = [(at, output) for at in at_calls for output in range(len(self._records[at].outputs))]
                if len(leaving) == len(given):
                    pairs = list(zip(leaving, given, strict=True))
                elif not surely and len(given) == 1 and leaving:
                    pairs = [(leaving[-1], given[0])]
                else:
                    continue
                for name, (at, output) in pairs:
                    self._pair(name, at, output, f"what {self._records[at].what} {scope} gives")

    def operations(self) -> None:
        """Pair what the nodes of an operation give with the operation of the exported network."""
        theirs: dict[tuple[str, str], list[int]] = defaultdict(list)
        for at, record in enumerate(self._records):
            if record.kind == OPERATION and record.what != "getitem":
                theirs[record.scope, base(record.what)].append(at)
        ours: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(dict)
        for node in self._index.order:
            left = self._left[node]
            if left.what and (left.operation or self._is_float(node)) and not left.what.startswith("sym_size"):
                group = left.operation or f"node {node}"
                ours[left.scope, left.what].setdefault(group, []).append(node)
        for key, groups in ours.items():
            there = theirs.get(key, [])
            counts = f"{len(groups)} times in the model, {len(there)} times in PyTorch"
            for nodes, same in zip(groups.values(), self._in_step(list(groups), there), strict=True):
                if same is not None:
                    self._operation(nodes, same)
                elif there:
                    self._doubt(self._leaving(nodes), f"{key[1]} occurs {counts} in {key[0] or 'the network'}")

    def result(self) -> Counterparts:
        """Return what was found, and a reason for every other tensor."""
        missing = {}
        for name in self._names():
            if name not in self._found:
                missing[name] = self._doubts.get(name) or self._why(name)
        return Counterparts({name: self._found[name] for name in self._names() if name in self._found}, missing)

    def _in_step(self, names: Sequence[str], theirs: Sequence[int]) -> list[int | None]:
        """Return the record for each operation of that name: one by one, or by name where some are gone."""
        if len(names) == len(theirs):
            return list(theirs)
        by_name = {self._records[at].name: at for at in theirs}
        if all(name in by_name for name in names):
            return [by_name[name] for name in names]
        return [None] * len(names)

    def _operation(self, nodes: Sequence[int], at: int) -> None:
        """Pair what leaves the nodes of one operation with what it gives, one by one."""
        record = self._records[at]
        leaving = self._leaving(nodes)
        outputs = list(record.used) or list(range(len(record.outputs)))
        said = f"what {base(record.what)} in {record.scope or 'the network'} gives"
        if len(leaving) == len(outputs):
            for value, output in zip(leaving, outputs, strict=True):
                self._pair(value, at, output, said)
        elif len(outputs) == 1 and leaving:
            self._pair(leaving[-1], at, outputs[0], said)
        for value in (value for node in nodes for value in self._index.nodes[node].output if value):
            if value not in self._found:
                self._doubts.setdefault(value, f"a step inside of {base(record.what)}")

    def _pair(self, name: str, at: int, output: int, how: str) -> None:
        """Note a counterpart, if its type is the tensor's; of a folded layer, what is behind it gives."""
        if name in self._found:
            return
        behind = self._folded.get(at)
        if behind is not None and self._op(name) in _FOLDED_INTO:
            norm = self._records[behind].scope
            at, how = behind, f"{self._records[at].scope} with {norm} folded into it: what {norm} gives"
        dtype, shape = self._records[at].outputs[output]
        against = self._disagreement(name, dtype, shape)
        if against:
            self._doubts.setdefault(name, f"not {how}, {against}")
            return
        self._found[name] = Counterpart(at, output, how)

    def _disagreement(self, name: str, dtype: str, shape: Sequence[int]) -> str:
        """Say why a tensor cannot be what PyTorch gave, ``""`` when it can."""
        kind = self._types.get(name)
        if kind is None:
            return ""
        if kind.kind != "tensor":
            return f"for it is a {kind.kind}"
        if kind.dtype and _sort(kind.dtype) != _sort(dtype):
            return f"for that is {dtype} and this is {kind.dtype}"
        if kind.shape is None:
            return ""
        lengths = [dim if isinstance(dim, int) else self._dims.get(dim or "") for dim in kind.shape]
        fits = len(lengths) == len(shape) and all(
            ours is None or ours == theirs for ours, theirs in zip(lengths, shape, strict=False)
        )
        return "" if fits else f"for that has the shape {_text(shape)} and this {_text(lengths)}"

    def _foldings(self) -> dict[int, int]:
        """Return the layers into which the batch normalisation behind them went: record → the normalisation's.

        The older exporter leaves nothing of the normalisation then, and all of it under the name of the layer.
        """
        return {
            record.follows: at
            for at, record in enumerate(self._records)
            if record.follows >= 0
            and (record.what.startswith("BatchNorm") or base(record.what) == _NORMALISED)
            and record.scope not in self._present
        }

    def _nodes_by_scope(self, scopes: Mapping[str, object]) -> dict[str, list[int]]:
        """Return the nodes in and below each of ``scopes``, in the order of a run."""
        found: dict[str, list[int]] = defaultdict(list)
        for node in self._index.order:
            scope = self._left[node].scope
            for path in (scope, *_parents(scope)):
                if path in scopes:
                    found[path].append(node)
        return found

    def _told_apart(self, calls: Sequence[int], nodes: Sequence[int]) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """Yield calls of one module with their nodes: call by call where the nodes say which, else all together."""
        said = {self._left[node].call for node in nodes}
        if len(calls) == 1 or None in said or len(said) != len(calls):
            yield calls, nodes
            return
        for at, call in zip(calls, sorted(number for number in said if number is not None), strict=True):
            yield [at], [node for node in nodes if self._left[node].call == call]

    def _leaving(self, nodes: Sequence[int]) -> list[str]:
        """Return what nodes give to others, or out of the graph, in the order of a run."""
        inside = {*nodes}
        made = [name for node in nodes for name in self._index.nodes[node].output if name]
        outputs = {*self._index.outputs}
        return [name for name in made if name in outputs or any(user not in inside for user in self._index.users(name))]

    def _doubt(self, names: Sequence[str], reason: str) -> None:
        for name in names:
            self._doubts.setdefault(name, reason)

    def _why(self, name: str) -> str:
        node = self._index.producer.get(name)
        if node is None:
            return "not computed"
        op = self._index.nodes[node].op_type
        if op == "Constant" or (op == "Identity" and self._index.nodes[node].input[0] in self._index.initializers):
            return "a constant"
        left = self._left[node]
        if op in _SIZES or left.what.startswith("sym_size"):
            return "computes a size only"
        return f"a step inside of {left.scope}" if left.scope else _UNKNOWN

    def _is_float(self, node: int) -> bool:
        """Say whether a node gives numbers that are no sizes; where its type is not known it may."""
        kinds = [self._types.get(name) for name in self._index.nodes[node].output if name]
        return all(kind is None or not kind.dtype or _sort(kind.dtype) == "float" for kind in kinds)

    def _op(self, name: str) -> str:
        return self._index.nodes[self._index.producer[name]].op_type if name in self._index.producer else ""

    def _names(self) -> Iterator[str]:
        outputs = [name for name in self._index.outputs if name not in self._index.producer]
        yield from dict.fromkeys(
            [*outputs, *(name for node in self._index.order for name in self._index.nodes[node].output if name)]
        )


def _parents(path: str) -> Iterator[str]:
    """Yield the paths around a module: ``a.b.c`` → ``a.b``, ``a``."""
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _sort(dtype: str) -> str:
    """Return what numbers are by, whatever their width: a network may run in another precision than the model."""
    if dtype.startswith(("float", "bfloat", "double")):
        return "float"
    return "complex" if dtype.startswith("complex") else dtype


def _text(shape: Sequence[int | None]) -> str:
    return "×".join("?" if length is None else str(length) for length in shape) or "of a scalar"
