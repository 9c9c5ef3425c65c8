"""How a script under another interpreter talks with the one that started it.

Calls come as JSON lines on standard input, one at a time: ``{"do": "infer", "with": {…}}``. Answers leave as JSON lines
through a descriptor of their own, for native libraries print on standard output: any number of ``{"progress":
[fraction or null, "words"]}``, then one of ``{"result": …}``, ``{"refused": "a sentence"}`` and ``{"failed": "type and
text", "trace": "…"}``. Tensors lie in a file, one after the other; a call or an answer says where.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np

Tell = Callable[[Any, str], None]
"""Called with the share done in [0, 1] (None: unknown) and what is being done, in a few words."""
Handler = Callable[..., Any]
"""``handler(tell, **arguments)`` returns what JSON can hold."""

_ALIGNED = 64


class Refused(Exception):  # noqa: N818  no error of ours: it says what an engine cannot do
    """What was asked cannot be done; the message is one sentence for the user."""


class Tensor(NamedTuple):
    """A tensor: ``dtype`` by its name in ONNX (``float32``, ``bfloat16``…), ``array`` of it.

    Where numpy does not know the dtype, the array holds its bits as unsigned integers.
    """

    dtype: str
    array: np.ndarray[Any, Any]


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answer calls until standard input ends; ``sys.argv[1]`` is the descriptor that answers leave through."""
    answers = int(sys.argv[1])

    def tell(fraction: Any, message: str) -> None:
        _write(answers, {"progress": [fraction, message[:500]]})

    for line in sys.stdin.buffer:
        call = json.loads(line)
        try:
            answer = {"result": handlers[call["do"]](tell, **call["with"])}
        except Refused as error:
            answer = {"refused": str(error)}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
        _write(answers, answer)
    os._exit(0)  # tearing engines down takes time and can crash


def write_tensors(path: str, tensors: Iterable[tuple[str, Tensor]]) -> list[dict[str, Any]]:
    """Write tensors into a new file; return where each lies: name, dtype, dtype as stored, shape, offset in bytes."""
    places = []
    with Path(path).open("wb") as file:
        for name, (dtype, array) in tensors:
            file.write(b"\0" * (-file.tell() % _ALIGNED))
            place = {"name": name, "dtype": dtype, "stored": array.dtype.name, "shape": list(array.shape)}
            places.append({**place, "offset": file.tell()})
            file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return places


def read_tensors(path: str, places: Iterable[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Read the tensors that lie at ``places`` in the file."""
    tensors = {}
    for place in places:
        dtype, shape = np.dtype(place["stored"]), tuple(place["shape"])
        flat = np.fromfile(path, dtype, int(np.prod(shape, dtype=np.int64)), offset=place["offset"])
        tensors[place["name"]] = Tensor(place["dtype"], flat.reshape(shape))
    return tensors


def _write(descriptor: int, answer: Mapping[str, Any]) -> None:
    """Write a line, all of it; leave when nobody reads any more."""
    data = json.dumps(answer).encode() + b"\n"
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except BrokenPipeError:
        os._exit(1)
