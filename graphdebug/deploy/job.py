"""The job that checks a model for targets."""

import time
from pathlib import Path

from graphdebug.deploy.check import check
from graphdebug.deploy.confirm import confirmed
from graphdebug.deploy.records import DeployRequest, DeployResult
from graphdebug.deploy.targets import parse_target
from graphdebug.model.document import open_model
from graphdebug.model.shapes import infer_types
from graphdebug.runtime.events import Progress


def check_job(request: DeployRequest, folder: Path, progress: Progress) -> DeployResult:
    """Check a model for each target; a job function.

    Raises:
        NotAModel, SpecError: one sentence each.
    """
    started = time.perf_counter()
    targets = [parse_target(text) for text in dict.fromkeys(request.targets)]
    progress(None, "opening the model")
    model = open_model(request.model)
    if model.types_file is None:
        progress(None, "inferring shapes")
        model = model.with_types(infer_types(model))
    results = []
    for position, target in enumerate(targets):
        progress(position / len(targets), f"checking for {target.title}")
        result = check(model, target)
        if target.here and request.confirm:
            progress((position + 0.5) / len(targets), f"loading it with {target.title}")
            result = confirmed(result, model, target)
        results.append(result)
    return DeployResult(tuple(results), time.perf_counter() - started)
