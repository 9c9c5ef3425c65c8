"""Parts that were cut out and edited, put back into the whole they came from."""

from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from graphdebug.api import editing
from graphdebug.api.editing import Step
from graphdebug.api.models import model_of
from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.operation import Operation
from graphdebug.edit.putting_back import PutBack
from graphdebug.edit.targets import Graph, Value
from graphdebug.model.external import ExternalDataError, plain_file
from graphdebug.model.save import external_files, save
from graphdebug.workspace.disk import WorkspaceError, saying_what_is_wrong
from graphdebug.workspace.entries import ModelEntry
from graphdebug.workspace.store import Workspace


def cut_of(workspace: Workspace, entry: ModelEntry) -> int | None:
    """Return how many edits of a draft came before the last cut that made a part of it; None when it is no part."""
    operations = editing.recipe(workspace, entry) if entry.source else []
    cuts = [at for at, operation in enumerate(operations) if isinstance(operation, ExtractPart)]
    return cuts[-1] if cuts else None


def put_back(workspace: Workspace, part: ModelEntry) -> Step:
    """Put a part, as it was edited since it was cut out, back into a new edited copy of the whole. The part stays.

    Raises:
        EditError: it does not fit any more; nothing is changed.
        WorkspaceError: the whole was deleted, or cannot be kept.
    """
    cut = cut_of(workspace, part)
    source = workspace.model(part.source)
    if cut is None or source is None:
        raise WorkspaceError("The whole that this part came from is not in the workspace any more.")
    operations = editing.recipe(workspace, part)
    extracted = operations[cut]
    assert isinstance(extracted, ExtractPart)
    with TemporaryDirectory() as folder, saying_what_is_wrong("Putting a part back"):
        file = Path(folder) / f"{Path(part.name).stem}.part.onnx"
        model = model_of(part)
        save(model, file)
        try:
            for name in external_files(model):
                copyfile(plain_file(model.path, name), file.with_name(Path(name).name))
        except ExternalDataError as error:
            raise EditError(str(error)) from None
        files = {path.name: path for path in (*Path(folder).iterdir(), *editing.given(part).glob("*"))}
        earlier: list[Operation] = operations[:cut]
        whole = editing.draft_of(workspace, source)
        try:
            back = PutBack(file=file.name, graph=_graph_of(extracted))
            return editing.apply(workspace, whole.id, *earlier, back, files=files)
        except EditError:
            workspace.delete_model(whole.id)
            raise


def _graph_of(part: ExtractPart) -> Graph:
    """Return the graph that a part was cut out of: the one of its ends."""

    def graph(value: Value) -> Graph:
        if isinstance(value, str):
            return ""
        return value.node.graph if value.node is not None else value.graph

    return graph((*part.outputs, *part.inputs)[0])
