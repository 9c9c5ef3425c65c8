"""Plain records about a model that travel between processes and into the workspace as JSON (msgspec)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from graphdebug.model.refs import MAIN_GRAPH

Dim = int | str | None
"""One dimension: a length, a symbolic name, or None when unknown."""


@dataclass(frozen=True, slots=True)
class ModelLocation:
    """Where a model lies: everything another process needs to open it again.

    ``path`` is the model file; relative external data is resolved against ``path``'s folder.
    ``skeleton`` is a copy of the model whose large payloads refer into ``path`` (empty: make it from ``path``).
    ``values`` is the folder of large values that an edit made (empty: there are none).
    """

    path: str
    skeleton: str = ""
    values: str = ""


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of a value. ``shape`` is None when the rank is unknown.

    ``kind`` is ``tensor``, ``sparse_tensor``, ``sequence``, ``optional``, ``map`` or ``unknown``;
    ``dtype`` is the ONNX element type in lower case (``float``, ``float16``, ``int64``, ``string``…), of the
    innermost tensor for containers, and ``""`` when unknown.
    """

    dtype: str = ""
    shape: tuple[Dim, ...] | None = None
    kind: str = "tensor"


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """A named value with its type."""

    name: str
    type: ValueType = ValueType()


class Severity(StrEnum):
    """How bad a finding is: error (will not run), warning (may not run or is wrong), info (worth knowing)."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem with its place and a plain sentence. ``code`` is stable and kebab-case (``graph-cycle``)."""

    severity: Severity
    code: str
    message: str
    graph: str = MAIN_GRAPH
    node: int | None = None
    tensor: str | None = None


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, each once, errors first; else in the order they came in."""
    rank = list(Severity)
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: rank.index(finding.severity)))


@dataclass(frozen=True, slots=True)
class InitializerInfo:
    """An initializer: ``bytes`` is the size of its values as stored."""

    graph: str
    name: str
    type: ValueType
    bytes: int


@dataclass(frozen=True, slots=True)
class GraphInfo:
    """A graph of the model: main, nested or a function's body. ``title`` is for people."""

    path: str
    title: str
    nodes: int


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What one sees at once.

    ``macs`` counts multiply-accumulates (see cost.py): the symbolic dimensions ``macs_ones`` of the inputs as 1, of
    ``macs_choices`` If nodes the costliest branch, of ``macs_open_loops`` loops one iteration, and ``macs_unknown``
    nodes not at all.
    """

    ir_version: int
    opsets: tuple[tuple[str, int], ...]
    producer: str
    graph_name: str
    doc_string: str
    metadata: tuple[tuple[str, str], ...]
    inputs: tuple[ValueInfo, ...]
    outputs: tuple[ValueInfo, ...]
    ops: tuple[tuple[str, int], ...]
    """(``op`` or ``domain::op``, count), most frequent first, all graphs and functions."""
    parameters: int
    bytes_by_dtype: tuple[tuple[str, int, int], ...]
    """(dtype, elements, bytes) of all initializers."""
    macs: int
    macs_unknown: int
    largest: tuple[InitializerInfo, ...]
    graphs: tuple[GraphInfo, ...]
    custom_domains: tuple[str, ...]
    """Domains of operators that neither ONNX nor a function of the model defines."""
    nodes: int
    file_bytes: int
    external_bytes: int
    macs_ones: tuple[str, ...] = ()
    macs_choices: int = 0
    macs_open_loops: int = 0

    @property
    def macs_at_least(self) -> bool:
        """Say whether one inference can take more than ``macs``."""
        return bool(self.macs_unknown or self.macs_open_loops)

    @property
    def macs_notes(self) -> tuple[str, ...]:
        """What to know of how ``macs`` were counted, a sentence each. Names of dimensions are the file's own."""
        said = []
        if self.macs and self.macs_ones:
            said.append(f"Symbolic dimensions are taken as 1 ({', '.join(self.macs_ones)}): longer inputs cost more.")
        if self.macs_choices:
            said.append(f"Of {_count(self.macs_choices, 'If node')}, the costliest branch is counted.")
        if self.macs_open_loops:
            loops = _count(self.macs_open_loops, "loop")
            said.append(f"Of {loops}, one iteration is counted: the file does not say how many there are.")
        if self.macs_unknown:
            nodes = _count(self.macs_unknown, "node")
            said.append(f"{nodes} of unknown shape {'is' if self.macs_unknown == 1 else 'are'} not counted.")
        return tuple(said)


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """The outcome of opening a model: kept in the workspace, shown even when the model is broken."""

    summary: ModelSummary
    findings: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()
    """Names of all files the model consists of, the model file first, relative to its folder."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Open a model: walk, parse, check, infer shapes, summarise. Written beside the result:

    ``skeleton.onnx`` (see ModelLocation) and ``types.json`` (graph path → list of ValueInfo, inferred).
    """

    path: str
    infer_shapes: bool = True
    uploaded: bool = False
    """The folder is an upload's own: files may be moved to where the model names them."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Infer shapes of, check and summarise a model that was opened before. Writes ``types.json``, see OpenRequest."""

    model: ModelLocation


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
