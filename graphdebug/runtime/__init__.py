"""Running models: backends behind one protocol, feeds, taps, statistics, the worker process and its limits."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime reads it, and writes to /tmp, when it is imported
