from tests.onnx_models import backend_cases, backend_models

__all__ = ["backend_cases", "backend_models"]
