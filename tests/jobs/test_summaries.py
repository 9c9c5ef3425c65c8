"""What lists show of parts, without reading whole results."""

from pathlib import Path

import pytest

from graphdebug.edit.extraction import ExtractPart
from graphdebug.extract.records import BOUNDARY_JOB, SPLIT_JOB, BoundaryRequest, SplitRequest
from graphdebug.jobs import service
from graphdebug.model.records import ModelLocation
from graphdebug.workspace.store import Workspace


@pytest.mark.parametrize("proof", [True, False])
def test_a_split_says_how_many_parts_and_whether_they_chain(workspace: Workspace, samples: Path, proof: bool) -> None:
    request = SplitRequest(ModelLocation(str(samples / "branching_blocks.onnx")), parts=3, proof=proof)
    job = service.wait(workspace, service.submit(workspace, "split", SPLIT_JOB, request))
    assert job is not None and job.failure is None
    assert (job.summary["parts"], job.summary["proven"]) == (3, True if proof else None)


def test_boundary_data_says_what_goes_in_and_out(workspace: Workspace, samples: Path) -> None:
    part = ExtractPart(inputs=("/block1/out",), outputs=("/block2/out", "/join/out"))
    request = BoundaryRequest(ModelLocation(str(samples / "branching_blocks.onnx")), part)
    job = service.wait(workspace, service.submit(workspace, "boundary", BOUNDARY_JOB, request))
    assert job is not None and job.failure is None
    assert (job.summary["inputs"], job.summary["outputs"], job.summary["same"]) == (1, 2, True)
