"""Running models that were edited, on ONNX Runtime with feeds that fit them."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from graphdebug.edit.operation import Edited, Operation, edited
from graphdebug.edit.operations import decode, encode
from graphdebug.edit.undoing import done, undone
from graphdebug.model.document import Model
from graphdebug.model.save import save
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs

_SAMPLES = Path(__file__).parents[2] / "sample_models"


@cache
def sample_names() -> list[str]:
    """Return the names of the sample models that load."""
    return sorted(path.name for path in _SAMPLES.glob("*.onnx") if path.stem != "broken")


def serialised(model: Model) -> bytes:
    """Return a model's structure as bytes."""
    return bytes(model.proto.SerializeToString(deterministic=True))


def outputs(model: Model, folder: Path, feeds: dict[str, Any] | None = None) -> dict[str, np.ndarray]:
    """Save a model, load it in ONNX Runtime and return its outputs by name, in order."""
    path = folder / "edited.onnx"
    save(model, path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = feeds or make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    if "scales" in given:  # of a Resize: no random numbers
        given["scales"] = np.float32([1, 1, 2, 2])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def tried(model: Model, operation: Operation, files: Path | None = None) -> Edited:
    """Do an operation as it comes back from JSON; it must be undone and done again exactly."""
    assert decode(encode(operation)) == operation
    before, kept = serialised(model), model.proto.SerializeToString()
    after = edited(model, decode(encode(operation)), files=files)
    assert model.proto.SerializeToString() == kept
    assert serialised(undone(after.model, after.splices)) == before
    assert serialised(done(model, after.splices)) == serialised(after.model)
    return after
