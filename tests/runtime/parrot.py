"""A script as those in `graphdebug/foreign`, which does what tests need."""

import os
import signal
import sys

import numpy as np

from graphdebug.foreign.talk import Refused, Tensor, read_tensors, serve, write_tensors


def double(tell, given, to):
    """Give back twice each tensor, and what holds no number that numpy knows as it is."""
    tell(0.5, "doubling")
    tensors = read_tensors(given["path"], given["tensors"])
    plain = {"float32", "int64", "bool", "complex64"}
    doubled = {
        name: Tensor(dtype, array + array if dtype in plain else array) for name, (dtype, array) in tensors.items()
    }
    return {"path": to, "tensors": write_tensors(to, doubled.items())}


def refuse(tell):
    """Refuse."""
    raise Refused("The parrot is tired.")


def fail(tell):
    """Fail."""
    raise KeyError("feather")


def die(tell):
    """Die of a signal, with a last word."""
    print("squawk", flush=True)
    tell(None, "falling off the perch")
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(tell):
    """Leave without a word."""
    sys.exit(3)


def surroundings(tell):
    """Tell where this runs."""
    return {
        "modules": sorted(sys.modules),
        "path": sys.path,
        "python": list(sys.version_info[:2]),
        "numpy": np.__version__,
    }


if __name__ == "__main__":
    serve({"double": double, "refuse": refuse, "fail": fail, "die": die, "leave": leave, "surroundings": surroundings})
