"""PyTorch, run by `runtime/torch_backend.py` under the interpreter of a network's author, or ours."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from graphdebug.foreign import torch_graph, torch_source, torch_timing
from graphdebug.foreign.talk import Refused, Tell, Tensor, read_tensors, serve, write_tensors
from graphdebug.foreign.torch_values import flat, from_torch, to_torch, types_of

_SEED = 0
"""Of what a network draws while it runs: the same in every run, so that looking changes nothing."""

_held: dict[str, Any] = {}
"""The network that was loaded (``source``), how it runs (``how``), and the program it was exported to (``program``)."""


def probe(tell: Tell) -> dict[str, Any]:
    """Say what is here."""
    return {"torch": torch.__version__, "python": platform.python_version(), "cuda": torch.cuda.is_available()}


def load(tell: Tell, source: Mapping[str, Any], how: Mapping[str, Any]) -> dict[str, Any]:
    """Load the network and make it ready; return what its forward takes and what really runs.

    ``source`` holds ``kind`` and the arguments of the function of `torch_source`; ``how``: ``device``, ``dtype``,
    ``autocast`` (empty: off), ``train``, ``deterministic``, ``tf32``, ``threads`` (0: as many as PyTorch takes).
    """
    _set_up(how)
    tell(None, "loading the network")
    arguments = {name: value for name, value in source.items() if name != "kind"}
    made = getattr(torch_source, f"from_{source['kind']}")(**arguments)
    tell(None, f"moving the network to {how['device']}")
    network = made.network
    dtype = getattr(torch, how["dtype"])
    try:
        network.to(device=how["device"], dtype=dtype if how["dtype"] != "float32" else None)
    except Exception as error:
        raise Refused(f"The network cannot go to {how['device']}: {torch_source.first_line(error)}") from error
    if made.kind != "program":  # whose mode was settled when it was exported
        network.train(how["train"])
    _held.update(source=made, how=dict(how), dtype=dtype, program=None, shapes=None)
    return {"parameters": made.parameters, "environment": {**_environment(how), **made.notes}}


def observe(tell: Tell, given: Mapping[str, Any], operations: bool) -> dict[str, Any]:
    """Run once and return what every module gave, in the order in which they ended; and the operations, when asked.

    A record has ``kind`` (``module`` or ``operation``), ``scope`` (the module's path), ``what`` (its class, or the
    operator), ``name`` (of an operation), ``call`` (which call of that module, from 0), ``outputs`` (element type and
    shape of each) and ``follows`` (the record that made its first input, -1: none).
    """
    inputs = _inputs(given)
    records: list[dict[str, Any]] = []
    calls: dict[str, int] = {}
    makers: dict[int, int] = {}
    alive: list[Any] = []  # an id is a tensor's as long as the tensor lives

    def note(path: str, module: torch.nn.Module, taken: Any, value: Any) -> None:
        first = next(flat(taken), None)
        call = calls[path] = calls.get(path, -1) + 1
        follows = makers.get(id(first), -1)
        for each in flat(value):
            alive.append(each)
            makers[id(each)] = len(records)
        record = {"kind": "module", "scope": path, "what": type(module).__name__, "name": "", "call": call}
        records.append({**record, "outputs": types_of(value), "used": [], "follows": follows})

    tell(None, "looking at what modules give")
    with _hooked(_modules(), note):
        value = _run(inputs)
    if not any(record["scope"] == "" for record in records):
        note("", _held["source"].network, inputs, value)
    missing = ""
    if operations:
        tell(None, "exporting the network, to look at its operations")
        missing, found = _operations(inputs)
        records += [
            {**each, "follows": each["follows"] + len(records)} if each["follows"] >= 0 else each for each in found
        ]
    return {"records": records, "missing": missing}


def infer(tell: Tell, given: Mapping[str, Any], to: str, fetch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Run and write the tensors of ``fetch``: each has a ``name`` to answer with, and the record's ``kind``, ``scope``,
    ``call`` or ``operation``, and ``output``."""
    inputs = _inputs(given)
    found: dict[str, Tensor] = {}
    wanted: dict[Any, list[tuple[int, str]]] = {}
    for each in fetch:
        key = each["operation"] if each["kind"] == "operation" else (each["scope"], each["call"])
        wanted.setdefault(key, []).append((each["output"], each["name"]))

    def keep(key: Any, value: Any) -> None:
        if key in wanted:
            made = list(flat(value))
            found.update((name, from_torch(made[output])) for output, name in wanted[key] if output < len(made))

    calls: dict[str, int] = {}

    def note(path: str, module: torch.nn.Module, taken: Any, value: Any) -> None:
        call = calls[path] = calls.get(path, -1) + 1
        keep((path, call), value)

    paths = {key[0] for key in wanted if isinstance(key, tuple)}
    if paths:
        tell(None, "running the network")
        with _hooked([(path, module) for path, module in _modules() if path and path in paths], note):
            keep(("", 0), _run(inputs))
    names = {key for key in wanted if isinstance(key, str)}
    if names:
        tell(None, "running the exported network")
        _recorded(inputs, names, keep)
    lost = next((each["name"] for each in fetch if each["name"] not in found), None)
    if lost is not None:
        raise Refused(
            f"PyTorch did not compute what stands for {lost!r} with these inputs: the network went another way."
        )
    return {"path": to, "tensors": write_tensors(to, ((each["name"], found[each["name"]]) for each in fetch))}


def time(tell: Tell, given: Mapping[str, Any] | None, iterations: int, seconds: float, streams: int) -> dict[str, Any]:
    """See `torch_timing.timed`; ``given`` None: the inputs of the last time."""
    if streams > 1 and _held["how"]["train"]:
        raise Refused("In train mode a network changes while it runs: measure one stream, or mode=eval.")
    torch.manual_seed(_SEED)
    inputs = _repeated(given)
    with _unchanged():
        return torch_timing.timed(_forward, inputs, _held["how"]["device"], iterations, seconds, streams)


def profile(tell: Tell, given: Mapping[str, Any] | None, runs: int) -> list[dict[str, Any]]:
    """See `torch_timing.by_module`."""
    device, modules = _held["how"]["device"], _modules()
    if not modules:
        raise Refused("Only a network from module= tells times of its modules.")
    inputs = [each.to(device) for each in _repeated(given)]
    torch.manual_seed(_SEED)
    with _unchanged():
        return torch_timing.by_module(modules, lambda: _forward(inputs), runs, device)


def _repeated(given: Mapping[str, Any] | None) -> list[Any]:
    """Return what is run on again and again, on the host."""
    if given is not None:
        _held["repeated"] = _inputs(given, "cpu")
    repeated: list[Any] = _held["repeated"]
    return repeated


def _inputs(given: Mapping[str, Any], device: str = "") -> list[Any]:
    tensors = read_tensors(given["path"], given["tensors"])
    os.unlink(given["path"])  # noqa: PTH108
    return [
        to_torch(name, tensor, device or _held["how"]["device"], _held["dtype"]) for name, tensor in tensors.items()
    ]


def _run(inputs: Sequence[Any]) -> Any:
    """Call the network; what it draws and what it keeps between calls is the same every time."""
    torch.manual_seed(_SEED)
    with _unchanged():
        return _forward(inputs)


def _forward(inputs: Sequence[Any]) -> Any:
    try:
        with torch.no_grad(), _autocast(_held["how"]):
            return _held["source"].network(*inputs)
    except Refused:
        raise
    except Exception as error:
        raise torch_source.said_by_user_code(error, "Running the network") from error


@contextlib.contextmanager
def _unchanged() -> Iterator[None]:
    """Put back what a network in train mode keeps between calls."""
    network, how = _held["source"].network, _held["how"]
    kept = [(buffer, buffer.clone()) for buffer in network.buffers()] if how["train"] else []
    try:
        yield
    finally:
        for buffer, before in kept:
            buffer.data.copy_(before)


def _autocast(how: Mapping[str, Any]) -> Any:
    if not how["autocast"]:
        return contextlib.nullcontext()
    return torch.autocast(how["device"].partition(":")[0], getattr(torch, how["autocast"]))


def _modules() -> list[tuple[str, Any]]:
    """Return the modules that tell of themselves when they are called; those of a TorchScript do not."""
    source = _held["source"]
    return list(source.network.named_modules()) if source.kind == "module" else []


@contextlib.contextmanager
def _hooked(modules: Sequence[tuple[str, Any]], note: Any) -> Iterator[None]:
    """Have ``note`` called with what each module takes and gives."""

    def hook(path: str) -> Any:
        def told(module: Any, args: Any, kwargs: Any, value: Any) -> None:
            note(path, module, (args, kwargs), value)

        return told

    handles = [module.register_forward_hook(hook(path), with_kwargs=True) for path, module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _operations(inputs: Sequence[Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return why there are none, or the operations of the exported network."""
    how, source = _held["how"], _held["source"]
    if source.kind not in ("module", "program"):
        return "a TorchScript runs as a whole" if source.kind == "script" else "it was converted", []
    if how["train"] or how["autocast"]:
        return "operations are looked at in eval mode without autocast only", []
    if source.program is not None and (how["device"], how["dtype"]) != ("cpu", "float32"):
        return "those of an exported program are looked at as it was exported, on the CPU, only", []
    try:
        return "", torch_graph.operations(_program(inputs))
    except Exception as error:
        return f"torch.export cannot export the network ({torch_source.first_line(error)[:200]})", []


def _program(inputs: Sequence[Any]) -> Any:
    """Return the exported network for inputs of these shapes."""
    shapes = [(tuple(each.shape), each.dtype) for each in inputs]
    if _held["shapes"] != shapes:
        source = _held["source"]
        program = source.program
        _held["program"] = program if program is not None else torch_graph.exported(source.network, inputs)
        _held["shapes"] = shapes
    return _held["program"]


def _recorded(inputs: Sequence[Any], names: Any, keep: Any) -> None:
    """Run the exported network and hand over what the named operations give, as it comes."""
    try:
        program = _program(inputs)
        with torch.no_grad():
            torch_graph.record(program, inputs, names, keep)
    except Exception as error:
        raise Refused(f"The exported network failed: {torch_source.first_line(error)}") from error


def _set_up(how: Mapping[str, Any]) -> None:
    if how["device"].startswith("cuda") and not torch.cuda.is_available():
        raise Refused(
            f"PyTorch {torch.__version__} finds no CUDA device here: install a build for CUDA, or device=cpu."
        )
    if how["threads"]:
        torch.set_num_threads(how["threads"])
    if how["deterministic"]:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = how["tf32"]


def _environment(how: Mapping[str, Any]) -> dict[str, str]:
    on_gpu = how["device"].startswith("cuda")
    found = {
        "backend": f"PyTorch {torch.__version__}",
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(how["device"]) if on_gpu else "cpu",
        "dtype": how["dtype"],
        "autocast": how["autocast"] or "off",
        "mode": "train" if how["train"] else "eval",
        "threads": str(torch.get_num_threads()),
    }
    if on_gpu:
        found["TF32"] = "on" if how["tf32"] else "off"
    if how["deterministic"]:
        found["deterministic"] = "yes"
    return {**found, "numpy": np.__version__}


if __name__ == "__main__":
    serve({"probe": probe, "load": load, "observe": observe, "infer": infer, "time": time, "profile": profile})
