"""Fixtures with onnx's own two thousand models, for the rooms that import them into their conftest."""

import warnings
from functools import cache
from pathlib import Path

import onnx.backend.test
import pytest
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase


@cache
def cases() -> list[TestCase]:
    """Return the cases that onnx.backend.test makes, which takes it seconds: one for each way to use an operator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return collect_testcases(None)


@pytest.fixture(scope="session")
def backend_cases() -> list[TestCase]:
    """The cases that onnx.backend.test makes, with inputs and outputs."""
    return cases()


@pytest.fixture(scope="session")
def backend_models(backend_cases: list[TestCase], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every model of onnx.backend.test: those it makes and those it ships."""
    folder = tmp_path_factory.mktemp("backend")
    for case in backend_cases:
        (folder / f"{case.name}.onnx").write_bytes(case.model.SerializeToString())
    paths = sorted(folder.glob("*.onnx")) + sorted((Path(onnx.backend.test.__file__).parent / "data").rglob("*.onnx"))
    assert len(paths) > 2000
    return paths
