"""Open models, kept for a while: pages and routes that look at the same model share one.

The cache holds few models (a model in memory is its graph without weights) and is the only state of this module.
"""

from collections import OrderedDict
from threading import Lock

from starlette.exceptions import HTTPException

from graphdebug.model.document import Model, NotAModel, open_model
from graphdebug.model.records import ModelLocation
from graphdebug.workspace.entries import ModelEntry
from graphdebug.workspace.store import open_workspace

KEPT = 4
"""How many models stay open."""


class _OpenModels:
    """The last used models by where they lie; each is opened once, however many ask for it at the same time."""

    def __init__(self) -> None:
        self._models: OrderedDict[ModelLocation, Model] = OrderedDict()
        self._opening: dict[ModelLocation, Lock] = {}
        self._lock = Lock()

    def get(self, location: ModelLocation) -> Model:
        with self._lock:
            opening = self._opening.setdefault(location, Lock())
        with opening:
            with self._lock:
                if known := self._models.get(location):
                    self._models.move_to_end(location)
                    return known
            model = open_model(location)
            self.put(location, model)
            return model

    def put(self, location: ModelLocation, model: Model) -> None:
        with self._lock:
            self._models[location] = model
            while len(self._models) > KEPT:
                gone, _ = self._models.popitem(last=False)
                self._opening.pop(gone, None)


_open_models = _OpenModels()


def model_of(entry: ModelEntry) -> Model:
    """Return the opened model of a workspace entry, with its inferred types.

    Raises:
        NotAModel, OSError: the file is gone or is no model any more.
    """
    return _open_models.get(entry.location)


def put_model(location: ModelLocation, model: Model) -> None:
    """Keep a model that was made here, so that nobody has to read it from ``location``."""
    _open_models.put(location, model)


def find_entry(model_id: str) -> ModelEntry:
    """Return the workspace's entry of a model; HTTPException 404 when there is none."""
    entry = open_workspace().model(model_id)
    if entry is None:
        raise HTTPException(404, "This model is not in the workspace any more.")
    return entry


def find_model(entry: ModelEntry) -> Model:
    """Return the opened model for a route; HTTPException with one sentence when it cannot be opened."""
    try:
        return model_of(entry)
    except NotAModel as error:
        raise HTTPException(422, str(error)) from error
    except OSError as error:
        raise HTTPException(404, f"{entry.name} cannot be read: {error.strerror or error}.") from error
