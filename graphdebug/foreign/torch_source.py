"""Where a network comes from: an author's code, a file of PyTorch's, or an ONNX file that a converter reads.

All of it is code, or may be (a TorchScript or an exported program runs what it holds), so that whoever calls this must
trust it. Weights alone are no code: they are read so that nothing in them can run.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import traceback
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from graphdebug.foreign.talk import Refused

_OURS = str(Path(__file__).parent)
_LIBRARIES = ("site-packages", "dist-packages", f"{os.sep}lib{os.sep}python", "<frozen")
_MOST_UNPACKED = 8
"""An archive may unpack to so many times its size: PyTorch writes weights as they are."""
_SMALL = 64 << 20
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "weights")
"""What training loops call the weights in the dictionary that they save."""
_NAMED = 4


class Source(NamedTuple):
    """A network: what is called, what it is (``module``, ``script``, ``program``, ``convert``), and what to know."""

    network: Any
    kind: str
    parameters: list[str]
    """What its forward takes, by name, in order; empty where that is anything."""
    notes: dict[str, str]
    program: Any = None
    """The exported program that the network was made of."""


def from_module(target: str, path: str, args: str, checkpoint: str, strict: bool) -> Source:
    """Make the network that ``package.module:factory`` makes.

    Args:
        target: what makes it: a class, a function that returns one (or a tuple that begins with it), or a module.
        path: a folder to look in first.
        args: JSON: a list of arguments or an object of named ones.
        checkpoint: a file of weights to load.
        strict: refuse when the file lacks some.
    """
    made = _made(target, path, args)
    network = made[0] if isinstance(made, tuple) and made else made
    if not isinstance(network, torch.nn.Module):
        raise Refused(f"{target} gives a {type(network).__name__}, and a torch.nn.Module is needed.")
    notes = {"module": target, "class": f"{type(network).__module__}.{type(network).__qualname__}"}
    if checkpoint:
        notes["checkpoint"] = _load_weights(network, checkpoint, strict)
    return Source(network, "module", _parameters(network.forward), notes)


def from_script(path: str) -> Source:
    """Load a TorchScript file."""
    _check_archive(path)
    try:
        network = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as error:
        raise Refused(f"{path} cannot be loaded as TorchScript: {first_line(error)}") from error
    names = [argument.name for argument in network.forward.schema.arguments[1:]]
    return Source(network, "script", names, {"TorchScript": path})


def from_program(path: str) -> Source:
    """Load an exported program."""
    _check_archive(path)
    try:
        from torch.export import load

        program = load(path)
    except Exception as error:
        raise Refused(f"{path} cannot be loaded as an exported program: {first_line(error)}") from error
    network = program.module()
    return Source(network, "program", _parameters(network.forward), {"exported program": path}, program)


def from_onnx(path: str) -> Source:
    """Convert an ONNX file; every output of its graph is an output of the network."""
    try:
        converter = importlib.import_module("onnx2pytorch")
        onnx = importlib.import_module("onnx")  # the converter brings it
    except (ImportError, RuntimeError) as error:
        raise Refused(
            f"convert=1 needs the converter onnx2pytorch, which does not load under {sys.executable} "
            f"({first_line(error)}): pip install onnx2pytorch."
        ) from error
    try:
        network = converter.ConvertModel(onnx.load(path))
    except Exception as error:
        raise Refused(f"onnx2pytorch cannot convert the model: {first_line(error)}") from error
    from importlib.metadata import version

    notes = {"converter": f"onnx2pytorch {version('onnx2pytorch')}"}
    return Source(network, "convert", list(network.input_names), notes)


def first_line(error: BaseException) -> str:
    """Return an exception as a sentence: its type and the first line of its text."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:400].rstrip('.')}." if lines else f"{type(error).__name__}."


def said_by_user_code(error: BaseException, doing: str) -> Refused:
    """Return the sentence for an exception out of the author's code, with their line where one is on the way."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith((_OURS, "<")) and not _is_library(frame)]
    if isinstance(error, SyntaxError) and error.filename:
        place = f" in {Path(error.filename).name}, line {error.lineno}"
    else:
        place = f" in {Path(theirs[-1].filename).name}, line {theirs[-1].lineno}" if theirs else ""
    return Refused(f"{doing} failed{place}: {first_line(error)}")


def _made(target: str, path: str, args: str) -> Any:
    module, colon, name = target.partition(":")
    if not module or not colon or not name:
        raise Refused(f"{target!r} names no network: write package.module:factory.")
    sys.path.insert(0, path or str(Path.cwd()))
    importlib.invalidate_caches()
    positional, named = _arguments(args)
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            where = f"in {path}" if path else f"from {Path.cwd()}"
            raise Refused(f"There is no module {error.name} {where}: say with path= in which folder it lies.") from None
        raise said_by_user_code(error, f"Importing {module}") from error
    except Exception as error:
        raise said_by_user_code(error, f"Importing {module}") from error
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise Refused(f"{module} ({getattr(found, '__file__', '')}) has no {name}.") from None
    if isinstance(found, torch.nn.Module):
        return found
    try:
        return found(*positional, **named)
    except Exception as error:
        raise said_by_user_code(error, f"Making {target}") from error


def _arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    if not text:
        return [], {}
    try:
        given = json.loads(text)
    except ValueError as error:
        raise Refused(f"args={text} is no JSON ({error}): write a list, or an object of named arguments.") from None
    if isinstance(given, dict):
        return [], given
    return (given if isinstance(given, list) else [given]), {}


def _parameters(forward: Any) -> list[str]:
    try:
        found = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):
        return []
    return [each.name for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.POSITIONAL_ONLY)]


def _load_weights(network: torch.nn.Module, path: str, strict: bool) -> str:
    """Load a file of weights into the network and say what did not fit."""
    weights = _weights_of(path)
    if not any(name in weights for name in network.state_dict()) and all(
        name.startswith("module.") for name in weights
    ):
        weights = {name[len("module.") :]: value for name, value in weights.items()}  # saved by DataParallel
    try:
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise Refused(f"The weights of {path} do not fit the network: {lines[0] if lines else error}") from None
    if missing and strict:
        raise Refused(
            f"{path} lacks weights of the network: {_some(missing)}. With strict=0 those stay as the network's code "
            "made them."
        )
    said = [path]
    said += [f"lacks {_some(missing)}, which stayed as the code made them"] if missing else []
    said += [f"{_some(unexpected)} in it were not asked for"] if unexpected else []
    return "; ".join(said)


def _weights_of(path: str) -> dict[str, Any]:
    if path.endswith(".safetensors"):
        try:
            from safetensors.torch import load_file
        except ImportError:
            raise Refused(f"{path} needs the package safetensors: pip install safetensors.") from None
        try:
            return dict(load_file(path))
        except Exception as error:
            raise Refused(f"{path} cannot be read: {first_line(error)}") from error
    _check_archive(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise Refused(
            f"{path} holds more than weights, or is damaged ({first_line(error)[:200]}): save its state_dict() alone."
        ) from error
    for name in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
            break
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise Refused(f"{path} holds a {type(found).__name__} and not a state_dict of weights by name.")
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def _check_archive(path: str) -> None:
    """Refuse a file that is not there, and an archive that unpacks to far more than it is."""
    file = Path(path)
    if not file.is_file():
        raise Refused(f"There is no file {path}.")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _SMALL + _MOST_UNPACKED * file.stat().st_size:
            raise Refused(f"{path} would unpack to {unpacked / 1e6:,.0f} MB, far more than PyTorch writes so small.")


def _is_library(frame: traceback.FrameSummary) -> bool:
    return any(part in frame.filename for part in _LIBRARIES)


def _some(names: Any) -> str:
    """Name a few, and say how many more."""
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
