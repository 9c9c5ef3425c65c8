"""A model that a running Triton Inference Server serves, over KServe's v2 protocol (HTTP or gRPC, by tritonclient).

A server gives a model's outputs and nothing between. Clients are made for each call: tritonclient's over HTTP belong to
the thread that made them.

Sources: https://docs.nvidia.com/deeplearning/triton-inference-server (protocol, model configuration), Open Inference
Protocol (kserve/open-inference-protocol).
"""

import importlib
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from graphdebug.model.document import Model
from graphdebug.model.records import Dim, ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.value_types import shown
from graphdebug.runtime.addresses import host_of
from graphdebug.runtime.backend import Availability, BackendError, BackendSpec, Mode, Session, Value
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.taps import chosen, model_inputs
from graphdebug.runtime.triton_types import KSERVE_TYPES, ONNX_TYPES

_WAY = 'tritonclient is not installed: get it with `pip install "tritonclient[http,grpc]"`.'
_LARGEST_TIMEOUT = 86_400
_NAME, _VERSION = re.compile(r"[^/?#%\s]+"), re.compile(r"\d{0,18}")
"""Both become part of an address."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What a SPEC says, checked."""

    url: str
    model: str
    version: str
    protocol: str
    timeout: float

    @property
    def title(self) -> str:
        return f"Model {shown(self.model)}" + (f" version {self.version}" if self.version else "")


class TritonBackend:
    """A model on a Triton server. Its options are listed in ``registry.backends()``."""

    def __init__(self, spec: BackendSpec, progress: Progress = silent) -> None:
        """Keep the SPEC; nothing is reached before ``probe`` or ``prepare``."""
        self.spec = spec

    def probe(self) -> Availability:
        """Ask the server whether it and the model are ready."""
        try:
            place = _place(self.spec)
            with _client(place) as client:
                server = _metadata(place, client)[0]
        except BackendError as error:
            return Availability(False, str(error))
        return Availability(True, versions=((str(server.get("name", "triton")), str(server.get("version", ""))),))

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Session:
        """Hold what the server says of its model against ``model``; every mode gives the outputs alone."""
        place = _place(self.spec)
        with _client(place) as client:
            server, metadata, config = _metadata(place, client)
        outputs = list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs))
        names = outputs if mode is Mode.PLAIN else chosen(model, taps)
        return TritonSession(place, model, names, metadata, _environment(place, server, config, mode))


class TritonSession:
    """A model on a server, called as often as wanted. Nothing is held on either side between calls."""

    def __init__(
        self,
        place: _Place,
        model: Model,
        names: Sequence[str],
        metadata: Mapping[str, Any],
        environment: Mapping[str, str],
    ) -> None:
        """Pair the server's inputs and outputs with the model's.

        Raises:
            BackendError: the server's model takes other inputs, or gives none of the model's outputs.
        """
        self._place = place
        self._inputs = {each["name"]: each for each in metadata.get("inputs", ())}
        self._outputs = {each["name"]: each for each in metadata.get("outputs", ())}
        self.inputs: Sequence[ValueInfo] = model_inputs(model)
        _check_inputs(place, self.inputs, self._inputs)
        of_model = set(model.graphs[MAIN_GRAPH].outputs)
        self.tensors: Sequence[str] = [name for name in names if name in of_model and name in self._outputs]
        self.outputs: Sequence[str] = [name for name in model.graphs[MAIN_GRAPH].outputs if name in set(self.tensors)]
        if not of_model & self._outputs.keys():
            raise BackendError(
                f"{place.title} on {place.url} gives {_listed(self._outputs)}, which are no outputs of this model: it "
                "is another one, or its outputs are called otherwise."
            )
        self.untapped: Mapping[str, str] = {
            name: "not an output of the model on the server" if name in of_model else "a server gives outputs only"
            for name in names
            if name not in set(self.tensors)
        }
        self.types: Mapping[str, ValueType] = {name: _type(self._outputs[name]) for name in self.tensors}
        self._ranks = {name: kind.shape for name, kind in model.types[MAIN_GRAPH].items() if name in self._outputs}
        self.environment: Mapping[str, str] = environment

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Send the feeds and return the named outputs."""
        unknown = [name for name in fetch if name not in set(self.tensors)]
        if unknown:
            raise BackendError(f"The server does not give {shown(unknown[0])}.")
        missing = [value.name for value in self.inputs if value.name not in feeds]
        if missing:
            raise BackendError(f"Input {shown(missing[0])} of the model is not fed.")
        if not fetch:
            return {}
        place, api = self._place, _api(self._place)
        names = list(dict.fromkeys(fetch))
        with _client(place) as client:
            try:
                given = [self._given(api, name, feeds[name]) for name in self._inputs if name in feeds]
                wanted = [api.InferRequestedOutput(name) for name in names]
                limit = {"client_timeout": place.timeout} if place.protocol == "grpc" else {}
                answer = client.infer(place.model, given, place.version, outputs=wanted, **limit)
                return {name: self._taken(name, answer.as_numpy(name)) for name in names}
            except (BackendError, MemoryError):
                raise
            except Exception as error:
                raise BackendError(f"{place.title} on {place.url} failed: {_sentence(place, error)}") from error

    def close(self) -> None:
        """Nothing is held."""

    def _given(self, api: Any, name: str, value: Value) -> Any:
        """Return a feed as tritonclient takes it, in the shape that the server has for a scalar."""
        if not isinstance(value, np.ndarray | np.generic):
            raise BackendError(f"Input {shown(name)} is no tensor, and only tensors can be sent to a server.")
        array, stated = np.asarray(value), self._inputs[name]
        if array.ndim == 0 and len(stated["shape"]) == 1:
            array = array.reshape(1)
        kind = str(stated["datatype"])
        if kind == "BYTES":
            array = array.astype(object)
        if _dtype_of(array) != kind:
            raise BackendError(f"Input {shown(name)} is {kind} on the server, and what is fed is {array.dtype.name}.")
        sent = api.InferInput(name, list(array.shape), kind)
        try:
            sent.set_data_from_numpy(np.ascontiguousarray(array))
        except Exception:
            if kind != "BF16":
                raise
            sent.set_data_from_numpy(array.astype(np.float32))  # before tritonclient 2.70 it knew no ml_dtypes
        return sent

    def _taken(self, name: str, array: NDArray[Any] | None) -> NDArray[Any]:
        """Return an output in the model's type, and a scalar as one."""
        if array is None:
            raise BackendError(f"{self._place.title} on {self._place.url} gave no {shown(name)}.")
        kind = str(self._outputs[name]["datatype"])
        if kind == "BYTES":
            texts = [item.decode(errors="replace") if isinstance(item, bytes) else item for item in array.reshape(-1)]
            array = np.array(texts, object).reshape(array.shape)
        if kind == "BF16":
            array = array.astype(ml_dtypes.bfloat16)
        return array.reshape(()) if self._ranks.get(name) == () and array.size == 1 else array


def _place(spec: BackendSpec) -> _Place:
    """Read the options; BackendError names what is missing or wrong."""
    if not spec.get("model"):
        raise BackendError("Name the model on the server: write triton:url=localhost:8000,model=NAME.")
    for key, pattern in (("model", _NAME), ("version", _VERSION)):
        if not pattern.fullmatch(spec.get(key)):
            raise BackendError(f"Option {key} of triton cannot be {spec.get(key)!r}.")
    protocol = spec.get("protocol", "http")
    url = spec.get("url") or ("localhost:8001" if protocol == "grpc" else "localhost:8000")
    host_of(url)
    try:
        timeout = float(spec.get("timeout", "60"))
    except ValueError:
        timeout = 0.0
    if not 0 < timeout <= _LARGEST_TIMEOUT:
        raise BackendError(f"Option timeout of triton must be a number of seconds, not {spec.get('timeout')!r}.")
    return _Place(url, spec.get("model"), spec.get("version"), protocol, timeout)


def _api(place: _Place) -> Any:
    try:
        return importlib.import_module(f"tritonclient.{place.protocol}")
    except ImportError as error:
        raise BackendError(_WAY) from error


def _client(place: _Place) -> Any:
    """Return a client that is closed at the end of a ``with``."""
    api = _api(place)
    if place.protocol == "grpc":
        return closing(api.InferenceServerClient(place.url))
    limits = {"connection_timeout": place.timeout, "network_timeout": place.timeout}
    return closing(api.InferenceServerClient(place.url, **limits))


def _metadata(place: _Place, client: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return what the server says of itself, of the model, and the model's configuration.

    Raises:
        BackendError: the server or the model is not there or not ready.
    """
    more: dict[str, Any] = {"client_timeout": place.timeout, "as_json": True} if place.protocol == "grpc" else {}
    limit = {key: value for key, value in more.items() if key == "client_timeout"}
    try:
        server = client.get_server_metadata(**more)
    except Exception as error:
        raise BackendError(
            f"No Triton server answers at {place.url} over {place.protocol}: {_sentence(place, error)}"
        ) from error
    try:
        if not client.is_model_ready(place.model, place.version, **limit):
            raise BackendError(
                f"{place.title} is not ready on {place.url}: the server has no such model, or could not load it (its "
                "log says why)."
            )
        metadata = client.get_model_metadata(place.model, place.version, **more)
        config = client.get_model_config(place.model, place.version, **more)
    except BackendError:
        raise
    except Exception as error:
        raise BackendError(f"{place.title} on {place.url} cannot be asked: {_sentence(place, error)}") from error
    return server, _plain(metadata), config.get("config", config)


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata with lengths as numbers: over gRPC they come as text."""
    plain = dict(metadata)
    for side in ("inputs", "outputs"):
        plain[side] = [
            {**each, "shape": [int(length) for length in each.get("shape", ())]} for each in metadata.get(side, ())
        ]
    return plain


def _check_inputs(place: _Place, ours: Sequence[ValueInfo], theirs: Mapping[str, Mapping[str, Any]]) -> None:
    where = f"{place.title} on {place.url}"
    for value in ours:
        stated = theirs.get(value.name)
        if stated is None:
            raise BackendError(
                f"{where} has no input {shown(value.name)}: it takes {_listed(theirs)}, so it is another model."
            )
        kind = _type(stated)
        if value.type.dtype and kind.dtype and value.type.dtype != kind.dtype:
            raise BackendError(
                f"Input {shown(value.name)} is {value.type.dtype} in this model and {kind.dtype} in {where}."
            )
        if value.type.shape and kind.shape is not None and not _fits(value.type.shape, kind.shape):
            raise BackendError(
                f"Input {shown(value.name)} has shape {_text(value.type.shape)} in this model and {_text(kind.shape)} "
                f"in {where}."
            )
    known = {value.name for value in ours}
    extra = next((name for name in theirs if name not in known), None)
    if extra is not None:
        raise BackendError(f"{where} also takes {shown(extra)}, which this model has not: it is another model.")


def _fits(ours: Sequence[Dim], theirs: Sequence[Dim]) -> bool:
    both = zip(ours, theirs, strict=False)
    clash = any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in both)
    return len(ours) == len(theirs) and not clash


def _type(stated: Mapping[str, Any]) -> ValueType:
    """Return the type that the server states; a length of -1 is open."""
    lengths = tuple(None if length < 0 else length for length in stated["shape"])
    return ValueType(ONNX_TYPES.get(str(stated["datatype"]), ""), lengths)


def _dtype_of(array: NDArray[Any]) -> str:
    return "BYTES" if array.dtype.kind in "OUS" else KSERVE_TYPES.get(array.dtype.name, array.dtype.name)


def _environment(place: _Place, server: Mapping[str, Any], config: Mapping[str, Any], mode: Mode) -> dict[str, str]:
    """Say what runs where, as the server tells it."""
    groups = [
        f"{group.get('count', 1)} × {str(group.get('kind', '')).removeprefix('KIND_').lower()}"
        for group in config.get("instance_group", ())
    ]
    said = {
        "backend": f"{server.get('name', 'triton')} {server.get('version', '')}".strip(),
        "server": f"{place.url} ({place.protocol})",
        "model": place.model + (f" version {place.version}" if place.version else ""),
        "runs on": str(config.get("backend") or config.get("platform") or ""),
        "instances": ", ".join(groups),
        "largest batch": str(config.get("max_batch_size") or ""),
        "dynamic batching": "on" if "dynamic_batching" in config else "",
        "mode": f"{mode} (a server gives outputs only)",
    }
    return {key: value for key, value in said.items() if value}


def _sentence(place: _Place, error: Exception) -> str:
    """Return what went wrong as the end of a sentence."""
    text = " ".join(str(getattr(error, "message", lambda: error)() or error).split())
    status = str(getattr(error, "status", lambda: "")() or "")
    if "DEADLINE_EXCEEDED" in status or "timed out" in text.lower() or isinstance(error, TimeoutError):
        return f"it did not answer within {place.timeout:g} seconds (option timeout)."
    if isinstance(error, ConnectionRefusedError) or "connection refused" in text.lower():
        return "nothing listens there; start the server, or name its address (option url)."
    return f"{text[:600].rstrip('.') or type(error).__name__}."


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(map(shown, list(names)[:8])) or "nothing"


def _text(shape: Sequence[Dim]) -> str:
    return "[" + ", ".join("?" if not isinstance(dim, int) else str(dim) for dim in shape) + "]"
