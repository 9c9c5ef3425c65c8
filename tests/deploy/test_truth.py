"""Our tables against ONNX Runtime itself, on every model of onnx.backend.test."""

from pathlib import Path

import onnxruntime as ort
import pytest

from graphdebug.deploy.kernels import kernel_rules
from graphdebug.deploy.subject import Subject
from graphdebug.deploy.targets import parse_target
from graphdebug.deploy.versions import version_rules
from graphdebug.model.document import open_model
from graphdebug.model.records import Severity
from graphdebug.model.shapes import infer_types

_OF_THE_MACHINE = "string_normalizer.cc"
"""A language that this machine does not have installed."""
_BODIES = ("test_bernoulli", "test_castlike_FLOAT", "test_attention_")
"""Operators that ONNX defines by others, for which ONNX Runtime then has no kernel: rules do not look into them."""


@pytest.mark.slow
def test_what_we_say_of_this_onnx_runtime_is_what_it_does(backend_models: list[Path]) -> None:
    target, wrong = parse_target("onnxruntime"), []
    refused = loaded = 0
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    for path in backend_models:
        model = open_model(path)
        subject = Subject(model.with_types(infer_types(model)), target)
        errors = [each for each in (*version_rules(subject), *kernel_rules(subject)) if each.severity is Severity.ERROR]
        try:
            ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            said = ""
        except Exception as error:
            said = str(error)
        refused, loaded = refused + bool(said), loaded + (not said)
        if not said and errors:
            wrong.append(f"{path.stem} loads, but we say: {errors[0].message}")
        elif said and not errors and _OF_THE_MACHINE not in said and not path.stem.startswith(_BODIES):
            wrong.append(f"{path.stem} is refused ({said[:200]}), and we say nothing")
    assert not wrong, "\n".join(wrong)
    assert loaded > 1000
    assert refused > 100
