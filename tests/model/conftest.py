"""What the tests of models share: onnx's own two thousand models, and opening small ones made by hand."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnx.backend.test
import pytest
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase

from graphdebug.model.document import Model, open_model
from tests.model.small_models import model_proto


@pytest.fixture(scope="session")
def backend_cases() -> list[TestCase]:
    """The cases that onnx.backend.test makes, one for each way to use an operator, with inputs and outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return collect_testcases(None)


@pytest.fixture(scope="session")
def backend_models(backend_cases: list[TestCase], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every model of onnx.backend.test: those it makes and those it ships."""
    folder = tmp_path_factory.mktemp("backend")
    for case in backend_cases:
        (folder / f"{case.name}.onnx").write_bytes(case.model.SerializeToString())
    paths = sorted(folder.glob("*.onnx")) + sorted((Path(onnx.backend.test.__file__).parent / "data").rglob("*.onnx"))
    assert len(paths) > 2000
    return paths


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Model]:
    """Return a function that writes a model (a ModelProto, or what `model_proto` takes) to a file and opens it."""

    def write_and_open(*arguments: Any, name: str = "model.onnx", **options: Any) -> Model:
        proto = arguments[0] if isinstance(arguments[0], onnx.ModelProto) else model_proto(*arguments, **options)
        path = tmp_path / name
        path.write_bytes(proto.SerializeToString())
        return open_model(path)

    return write_and_open
