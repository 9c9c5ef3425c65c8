"""What TensorRT is asked to say of a model and to build, and what came of it; the job is in `tensorrt_job.py`."""

from dataclasses import dataclass

from graphdebug.model.records import ModelLocation
from graphdebug.runtime.events import Limits
from graphdebug.runtime.tensorrt_words import Support

ENGINE_JOB = "graphdebug.runtime.tensorrt_job:engine_job"
ENGINE_LIMITS = Limits(seconds=4 * 3600.0, output=20_000_000_000)
"""A large model takes TensorRT an hour and more."""
LAYERS_FILE = "layers.json"
"""What the engine's inspector tells; of a session's files, and in a job's folder."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Ask TensorRT what it takes of a model and, with ``build``, have it build an engine.

    ``dims`` fixes free dimensions by name; those that ``backend`` gives shapes for are not asked for.
    """

    model: ModelLocation
    backend: str = "tensorrt"
    build: bool = True
    dims: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class EngineResult:
    """What TensorRT said. ``environment`` is what was really built; empty: nothing was.

    Then `layers.json` (what the inspector tells) and `layers.onnx` (the same as a graph) lie in the job's folder.
    """

    support: Support
    environment: dict[str, str]
