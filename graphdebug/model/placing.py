"""Dropped files put where the model looks for them: a browser hands over files without the folders they lay in.

Only for an upload's own folder, which nobody else sees: a model that is opened in place is never touched.
"""

import os.path
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PureWindowsPath

from graphdebug.model.checks.graphs import listed
from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError, is_external, local_path, reference
from graphdebug.model.records import Finding, Severity
from graphdebug.model.walk import stored_tensors


def place_files(model: Model) -> tuple[Finding, ...]:
    """Move files that lie beside the model to where it names them (``w.bin`` to ``weights/w.bin``), by their names.

    A name that two of the model's files share is left alone, and reported when one of them is not there.
    """
    found = []
    beside = {path.name for path in model.path.parent.iterdir() if path.is_file() and path != model.path}
    by_name: dict[str, list[Path]] = {}
    for path in _wanted(model):
        by_name.setdefault(PureWindowsPath(path).name, []).append(path)
    for name, wanted in by_name.items():
        if all(map(os.path.exists, wanted)):
            continue
        if len(wanted) > 1:
            files = listed(str(path.relative_to(model.path.parent)) for path in wanted)
            sentence = f"The model wants several files of the same name ({files}); dropped files come without their "
            sentence += "folders, so it is not clear which is which: drop a .zip of the folder."
            found.append(Finding(Severity.ERROR, "external-data-ambiguous", sentence))
        elif name in beside:
            _move(model.path.with_name(name), wanted[0])
    return tuple(found)


def _wanted(model: Model) -> Iterable[Path]:
    """Return the files inside the model's folder that its tensors name, each once."""
    paths: dict[Path, None] = {}
    for stored in stored_tensors(model.proto):
        if is_external(stored.tensor):
            with suppress(ExternalDataError):  # the findings say so
                paths[local_path(model.path, reference(stored.tensor).location)] = None
    return paths


def _move(source: Path, target: Path) -> None:
    with suppress(OSError):  # a file where a folder is wanted, a name that is too long: the findings say it is missing
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
