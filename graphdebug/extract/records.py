"""Requests and results of taking a model apart: plain records, JSON on the way to and from the worker."""

from dataclasses import dataclass, field

from graphdebug.edit.extraction import ExtractPart
from graphdebug.model.records import ModelLocation, ValueInfo
from graphdebug.runtime.requests import FeedSpec

SPLIT_JOB = "graphdebug.extract.split:split_job"
BOUNDARY_JOB = "graphdebug.extract.boundary_data:boundary_job"

VERSION = 1
"""Of `Manifest` as JSON."""

PARTS_FOLDER, MANIFEST_FILE, RUNNER_FILE = "parts", "manifest.json", "run.py"
FEEDS_FILE, EXPECTED_FILE = "feeds.npz", "expected.npz"


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """Split a model, in one of three ways.

    ``at``: values to split at. ``parts``: how many parts of like cost. ``scopes``: module scopes, each a part, or
    ``depth``: all scopes of so many modules. ``name`` is what the manifest calls the model (empty: its file's name).
    ``proof`` runs the parts and the whole on ``feeds`` and holds their outputs against each other.
    """

    model: ModelLocation
    at: tuple[str, ...] = ()
    parts: int = 0
    scopes: tuple[str, ...] = ()
    depth: int = 0
    name: str = ""
    feeds: FeedSpec = field(default_factory=FeedSpec)
    proof: bool = True
    backend: str = "onnxruntime"


@dataclass(frozen=True, slots=True)
class ManifestPart:
    """A part: its ``file`` beside the manifest, what it is fed and what it gives, in the order of the file.

    An input is an input of the whole or an output of a part before it, under the same name. ``nodes`` are dealt out to
    it; ``copied`` nodes make constants, and are in every part that uses them.
    """

    name: str
    file: str
    inputs: tuple[ValueInfo, ...]
    outputs: tuple[ValueInfo, ...]
    nodes: int
    copied: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model split into parts that chain: they can run in this order, each fed with what came before.

    ``inputs`` and ``outputs`` are those of the whole; an output that no part gives is an input, passed through.
    """

    version: int
    model: str
    inputs: tuple[ValueInfo, ...]
    outputs: tuple[ValueInfo, ...]
    parts: tuple[ManifestPart, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How an output of parts differs from the whole's.

    ``same``: no element differs (NaN is no difference to NaN). ``largest``: the largest absolute difference, in
    float64; None where there is none that can be measured, and ``note`` says why.
    """

    name: str
    same: bool
    largest: float | None = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """Parts and whole run on the same feeds in one setting of the backend (a SPEC); seconds include loading."""

    backend: str
    outputs: tuple[Difference, ...]
    whole_seconds: float
    parts_seconds: float

    @property
    def same(self) -> bool:
        """Say whether no output differs."""
        return all(output.same for output in self.outputs)


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What was written, below `PARTS_FOLDER` of the job's folder: ``files`` by name, the manifest's first.

    ``trials`` are the proof, the one without optimisation first; none if no proof was asked for. ``proven``: in that
    one no output differs; None without a proof. ``notes`` are sentences for the user.
    """

    manifest: Manifest
    files: tuple[str, ...]
    trials: tuple[Trial, ...]
    proven: bool | None
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class BoundaryRequest:
    """Cut out a part and record what goes into it and comes out of it when the whole model runs on ``feeds``.

    ``part`` must be of the main graph. ``name`` is the part's file (without folder).
    """

    model: ModelLocation
    part: ExtractPart
    feeds: FeedSpec = field(default_factory=FeedSpec)
    backend: str = "onnxruntime:opt=disable"
    name: str = "part.onnx"


@dataclass(frozen=True, slots=True)
class BoundaryResult:
    """What was recorded, below `PARTS_FOLDER` of the job's folder: ``files`` by name, the part's own first.

    ``inputs`` and ``outputs`` are the part's, with the types of what was recorded. ``differences``: how what the part
    gives when it runs alone on the recorded inputs differs from the recorded outputs. ``notes`` are sentences.
    """

    files: tuple[str, ...]
    inputs: tuple[ValueInfo, ...]
    outputs: tuple[ValueInfo, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    seconds: float
