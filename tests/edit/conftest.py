"""What the tests of editing share."""

from collections.abc import Callable
from pathlib import Path

import onnx
import onnx.parser
import pytest

from graphdebug.model.document import Model, open_model
from graphdebug.model.shapes import infer_types
from tests.onnx_models import backend_cases, backend_models  # noqa: F401 - fixtures


@pytest.fixture
def opened(samples: Path) -> Callable[[str], Model]:
    """Open a sample model, with inferred types."""

    def open_(name: str) -> Model:
        model = open_model(samples / name)
        return model.with_types(infer_types(model))

    return open_


@pytest.fixture
def parsed(tmp_path: Path) -> Callable[[str], Model]:
    """Open a model written in ONNX's text format, with inferred types."""

    def parse(text: str) -> Model:
        path = tmp_path / "parsed.onnx"
        onnx.save(onnx.parser.parse_model(text), path)
        model = open_model(path)
        return model.with_types(infer_types(model))

    return parse
