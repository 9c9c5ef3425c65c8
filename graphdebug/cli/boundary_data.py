"""What ``graphdebug extract --data`` adds to a part: its inputs and outputs in a run of the whole model."""

from pathlib import Path

import click

from graphdebug.cli.console import CommandError, check_folder, job_folder, number, plain, run_job
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec


def check_new_folder(folder: Path) -> None:
    """Make sure that a folder can be made.

    Raises:
        CommandError: it is there already and not empty, or the one around it is not there.
    """
    check_folder(folder.resolve())
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CommandError(f"{plain(str(folder))} is there already: name a new folder.")


def record(model: Path, recipe: str, name: str, feeds: FeedSpec, output: Path) -> bool:
    """Write the part that a recipe cuts out, and its data, to a new folder.

    Returns whether it gives alone what was recorded.

    Raises:
        CommandError: what passes the part's border cannot be recorded.
    """
    from graphdebug.edit.extraction import ExtractPart
    from graphdebug.edit.recipe import from_json
    from graphdebug.extract.records import BOUNDARY_JOB, PARTS_FOLDER, BoundaryRequest, BoundaryResult

    (part,) = from_json(recipe).operations
    assert isinstance(part, ExtractPart)
    request = BoundaryRequest(ModelLocation(str(model.absolute())), part, feeds, name=name)
    target = output.resolve()
    with job_folder(beside=target) as folder:
        result = run_job(BOUNDARY_JOB, request, folder, BoundaryResult)
        (folder / PARTS_FOLDER).replace(target)
    for each in result.differences:
        if not each.same:
            apart = each.note or f"largest difference {number(each.largest)}"
            click.secho(plain(f"{each.name}: the part alone gives something else ({apart})."), fg="red")
    click.echo(plain(f"{output} written: the part, what goes into it and comes out of it in a run of the whole."))
    return all(each.same for each in result.differences)
