"""Requests and results of a comparison: plain records, JSON on the way to and from the worker."""

from dataclasses import dataclass, field
from enum import StrEnum

from graphdebug.model.records import ModelLocation, ValueType
from graphdebug.runtime.requests import FeedSpec

COMPARE_JOB = "graphdebug.compare.engine:compare_job"


class Status(StrEnum):
    """What can be said of a tensor. Nothing compared is never a pass."""

    MATCH = "match"
    DIFFER = "differ"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """An element passes when ``|candidate - reference| <= atol * scale + rtol * |reference|``.

    ``scale`` is the reference tensor's root mean square, so that the limit fits the tensor; it is 1 when
    ``absolute`` is set (the numpy.allclose rule).
    """

    rtol: float
    atol: float
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a model on a backend, or recorded tensors (``file:path=…``, no model needed)."""

    spec: str
    model: ModelLocation | None = None


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """Compare two sides on the same feeds. ``tensors`` None: all. ``tolerances`` override the defaults by dtype.

    ``budget`` bounds the bytes of tensors held at once, both sides together, beyond what one run of an engine takes.
    """

    reference: Side
    candidate: Side
    mode: str = "isolated"
    feeds: FeedSpec = field(default_factory=FeedSpec)
    tensors: tuple[str, ...] | None = None
    tolerances: dict[str, Tolerance] = field(default_factory=dict)
    budget: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Metrics:
    """Errors of one tensor in float64. Formulas and units are documented in ``metrics.py``.

    ``hull`` is the upper convex hull of the points (|reference|, |error|): enough to decide for *any* rtol and atol
    whether an element is outside, without the tensors. ``joint`` is a sparse histogram of (|reference|, |error|) on a
    log2 grid, from which the share outside a new tolerance is estimated.
    """

    max_abs: float
    mean_abs: float
    max_rel: float | None
    rmse: float
    cosine: float | None
    sqnr_db: float | None
    max_ulp: float | None
    reference_rms: float
    worst_index: tuple[int, ...]
    worst_reference: float
    worst_candidate: float
    argmax_agreement: float | None = None
    identical: bool = False
    hull: tuple[tuple[float, float], ...] = ()
    joint: tuple[tuple[int, int, int], ...] = ()
    nonfinite: int = 0
    """Elements that are NaN, or the same infinity, on both sides: equal, and left out of all other numbers."""


@dataclass(frozen=True, slots=True)
class Row:
    """The comparison of one tensor. ``position`` is its place in topological order, ``node`` the producer's index in
    the reference model's main graph. ``share_outside`` is in [0, 1]; ``reason`` says why nothing was compared, or what
    to know about what was (dtypes that differ)."""

    name: str
    position: int
    status: Status
    reason: str = ""
    node: int | None = None
    op: str = ""
    scope: str = ""
    source: str = ""
    reference_type: ValueType | None = None
    candidate_type: ValueType | None = None
    metrics: Metrics | None = None
    tolerance: Tolerance | None = None
    share_outside: float | None = None
    is_output: bool = False


@dataclass(frozen=True, slots=True)
class ObserverEffect:
    """One model output with taps against without, on one side: does looking change the result?"""

    side: str
    output: str
    identical: bool
    max_abs: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one sentence. ``outcome``: ``match``, ``differ`` or ``nothing compared``."""

    outcome: str
    sentence: str
    first: str | None = None
    matched: int = 0
    differing: int = 0
    not_compared: int = 0


@dataclass(frozen=True, slots=True)
class CompareResult:
    """All that is kept of a comparison. Rows are in topological order of the reference.

    ``reference_providers`` and ``candidate_providers``: graph path → node index of that side's model → execution
    provider that has the node, of an ONNX Runtime that tells.
    """

    version: int
    verdict: Verdict
    rows: tuple[Row, ...]
    observer: tuple[ObserverEffect, ...]
    reference: dict[str, str]
    candidate: dict[str, str]
    request: CompareRequest
    seconds: float
    reference_providers: dict[str, dict[int, str]] = field(default_factory=dict)
    candidate_providers: dict[str, dict[int, str]] = field(default_factory=dict)
