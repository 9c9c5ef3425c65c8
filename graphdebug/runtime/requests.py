"""Requests and results of running a model: plain records, JSON on the way to and from the worker."""

from dataclasses import dataclass, field

from graphdebug.model.records import ModelLocation, ValueType


@dataclass(frozen=True, slots=True)
class InputFeed:
    """How one input gets its values.

    ``kind``: ``random`` (``distribution`` normal | uniform, ``low``/``high`` as mean/std or range; integers draw from
    [low, high)), ``constant`` (``value``), ``ramp`` (from ``low`` to ``high``), ``file`` (``path``: .npy, an .npz with
    ``member``, a .pb TensorProto/SequenceProto/OptionalProto), ``image`` (``path``, ``layout`` NCHW | NHWC, ``mean``,
    ``std``, ``scale``) or, for an optional, ``none``. Of a sequence, ``length`` tensors are made up so.
    """

    kind: str = "random"
    distribution: str = "normal"
    low: float | None = None
    high: float | None = None
    value: float = 0.0
    path: str = ""
    member: str = ""
    layout: str = "NCHW"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 1 / 255
    color: str = "RGB"
    length: int = 2


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """All feeds of one run. ``dims`` fixes symbolic dimensions by name, ``inputs`` overrides the default by input name.

    ``dataset`` is a folder of ``input_0.pb``… (an ONNX test_data_set) or an ``.npz``; inputs it lacks fall back.
    """

    seed: int = 0
    dims: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, InputFeed] = field(default_factory=dict)
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class TensorStatistics:
    """Statistics of one tensor, in float64, over its finite elements; None where there is none or no number.

    ``histogram`` are counts over equal bins between ``minimum`` and ``maximum``. ``first_nan``/``first_inf`` are
    multi-indices of the first non-finite element in C order.
    """

    size: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    zeros: int = 0
    nans: int = 0
    infs: int = 0
    first_nan: tuple[int, ...] | None = None
    first_inf: tuple[int, ...] | None = None
    histogram: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TensorRow:
    """One tapped tensor. ``type`` is what came out, ``node`` the producing node's index (None: a graph input).

    ``stored`` is the member's name in the run's ``tensors.npz``, empty when the value is not an array (``note`` says
    why).
    """

    name: str
    type: ValueType
    bytes: int
    node: int | None = None
    op: str = ""
    statistics: TensorStatistics | None = None
    stored: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Run a model once and keep tensors. ``tensors`` None: all that can be tapped."""

    model: ModelLocation
    backend: str = "onnxruntime"
    feeds: FeedSpec = field(default_factory=FeedSpec)
    tensors: tuple[str, ...] | None = None
    mode: str = "isolated"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run left: rows in topological order; the arrays are in ``tensors.npz`` and the feeds in ``feeds.npz``
    of the job's folder (stored members, one ``.npy`` each).

    ``first_nonfinite`` is the first tensor in topological order that holds NaN or Inf. ``providers``: graph path → node
    index → execution provider that has the node, of an ONNX Runtime that tells.
    """

    rows: tuple[TensorRow, ...]
    untapped: dict[str, str]
    first_nonfinite: str | None
    environment: dict[str, str]
    seconds: float
    providers: dict[str, dict[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Write what a run left in ``run``, a job's folder, in another form below the folder of this job."""

    model: ModelLocation
    run: str
    form: str


@dataclass(frozen=True, slots=True)
class OptimizeRequest:
    """Optimise a model at a level of ONNX Runtime (``basic``, ``extended``, ``all``) into a file called ``name``."""

    model: ModelLocation
    level: str
    name: str


@dataclass(frozen=True, slots=True)
class LayersRequest:
    """Make a model file called ``name`` of the layers of an engine, which the JSON file at ``path`` tells."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class OptimizeResult:
    """The file of the model that was made; its larger weights lie beside it."""

    path: str
