"""What the tests of models share: onnx's own two thousand models, and opening small ones made by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from graphdebug.model.document import Model, open_model
from tests.model.small_models import model_proto
from tests.onnx_models import backend_cases, backend_models  # noqa: F401 - fixtures


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Model]:
    """Return a function that writes a model (a ModelProto, or what `model_proto` takes) to a file and opens it."""

    def write_and_open(*arguments: Any, name: str = "model.onnx", **options: Any) -> Model:
        proto = arguments[0] if isinstance(arguments[0], onnx.ModelProto) else model_proto(*arguments, **options)
        path = tmp_path / name
        path.write_bytes(proto.SerializeToString())
        return open_model(path)

    return write_and_open
