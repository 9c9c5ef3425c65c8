"""An interpreter that has a stand-in for TensorRT and for libcuda; see `fake_tensorrt`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def interpreter(folder: Path, version: str, fails: str = "", cuda: str = "") -> Path:
    """Return one of that version, with failures to come; it lies in ``folder``, and so does the libcuda of them all."""
    library = folder / "libcuda" / "libcuda.so.1"
    if not library.exists():
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler to make a stand-in for libcuda with")
        library.parent.mkdir()
        source = HERE / "fake_tensorrt" / "libcuda.c"
        subprocess.run([compiler, "-w", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    python = folder / f"python-{version}-{fails}{cuda}"
    python.write_text(
        "#!/bin/sh\n"
        f"export FAKE_TENSORRT='{HERE / 'tensorrt_api' / version}.json' PYTHONPATH='{HERE / 'fake_tensorrt'}' "
        f"LD_LIBRARY_PATH='{library.parent}' FAKE_TENSORRT_FAILS='{fails}' FAKE_CUDA_FAILS='{cuda}'\n"
        f"exec '{sys.executable}' \"$@\"\n"
    )
    python.chmod(0o755)
    return python
