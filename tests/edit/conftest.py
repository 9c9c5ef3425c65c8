"""What the tests of editing share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from graphdebug.model.document import Model, open_model
from graphdebug.model.shapes import infer_types


@pytest.fixture
def opened(samples: Path) -> Callable[[str], Model]:
    """Open a sample model, with inferred types."""

    def open_(name: str) -> Model:
        model = open_model(samples / name)
        return model.with_types(infer_types(model))

    return open_
