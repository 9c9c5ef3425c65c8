"""``graphdebug edit``: a model changed by a recipe."""

import filecmp
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphdebug.cli.console import CommandError, check_folder, job_folder, plain, plural, run_job
from graphdebug.cli.inspect import print_findings
from graphdebug.model.records import ModelLocation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphdebug.edit.job import EditResult
    from graphdebug.model.records import Finding

_ERRORS_SHOWN = 8
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Change a model by a recipe, and write the result to another file.")
@click.argument("model", type=_file)
@click.option("--recipe", type=_file, help="The operations, as JSON (docs/recipe.md).")
@click.option("--operation", "operations", multiple=True, metavar="JSON", help="One operation; may be repeated.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The .onnx to write.")
@click.option(
    "--script", type=click.Path(dir_okay=False, path_type=Path), help="Also write a Python script that does the same."
)
@click.option("--check", is_flag=True, help="Also print what a check of what was touched says.")
@click.option("--broken", is_flag=True, help="Write the result also when it is broken.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
def edit(
    model: Path,
    recipe: Path | None,
    operations: tuple[str, ...],
    output: Path | None,
    script: Path | None,
    check: bool,
    broken: bool,
    dry_run: bool,
) -> int:
    """Do the operations of a recipe on MODEL, then those of --operation, and write the result. MODEL stays as it is.

    All are done or none. What the edit does not touch keeps its bytes; weights are not loaded. Files that operations
    name lie beside the recipe (without one: in the current folder). A result that the edit broke is not written unless
    --broken is given.
    """
    from graphdebug.edit.job import EDIT_JOB, EditRequest, EditResult

    if recipe is None and not operations:
        raise CommandError("There is nothing to do: give --recipe or --operation.")
    if output is None and not dry_run:
        raise CommandError("Say with -o which file to write, or give --dry-run.")
    check_folder(output, script)
    target = None if output is None or dry_run else output.resolve()  # a link stays one
    if target and target.exists() and not target.is_file():
        raise CommandError(f"{output} is no file but a device: name a file to write the model to.")
    if script and script.resolve() in {path.resolve() for path in (model, recipe, output) if path}:
        raise CommandError(f"{plain(str(script))} is the model, the recipe or the output: write the script elsewhere.")
    request = EditRequest(
        ModelLocation(str(model.absolute())),
        recipe.read_text(encoding="utf-8", errors="replace") if recipe else "",
        operations,
        str(recipe.absolute().parent if recipe else Path.cwd()),
        str(target or ""),
        broken,
        script.name if script else "",
    )
    with job_folder(beside=target) as folder:
        result = run_job(EDIT_JOB, request, folder, EditResult)
        _print_steps(result)
        if check:
            print_findings(result.findings)
        if result.broken:
            print_broken(result.broken)
        if target:
            move(result.files, folder / "files", target)
        if script:
            move(result.script, folder / "script", script.resolve())
    if result.broken and not broken:
        raise CommandError("The edit breaks the model, so nothing is written; --broken writes it all the same.")
    if target:
        click.echo(f"{plain(str(output))} written.")
    if script:
        click.echo(f"{plain(str(script))} written.")
    return 0


def _print_steps(result: "EditResult") -> None:
    for number, step in enumerate(result.steps, 1):
        click.echo(plain(f"{number:>3}  {step.title}"))
        for note in step.notes:
            click.echo(plain(f"     {note}"))


def print_broken(broken: "Sequence[Finding]") -> None:
    """Print the errors that a model has since it was edited."""
    click.secho(f"{plural(len(broken), 'error')} that the edit brought:", err=True, fg="red")
    for finding in broken[:_ERRORS_SHOWN]:
        click.echo(f"  {plain(finding.message)}  [{finding.code}]", err=True)
    if len(broken) > _ERRORS_SHOWN:
        click.echo(f"  … {plural(len(broken) - _ERRORS_SHOWN, 'more error')}", err=True)


def move(names: tuple[str, ...], folder: Path, target: Path) -> None:
    """Move what was written beside ``target``; what is there already and is the same stays.

    Raises:
        CommandError: another file is where a file of values must go; nothing is moved.
    """
    for name in names[1:]:
        there = target.parent / name
        if there.exists() and not filecmp.cmp(folder / name, there, shallow=False):
            raise CommandError(
                f"{plain(str(there))} is in the way: values of the model must go into a file of that name."
            )
    for name in (*names[1:], *names[:1]):
        there = target.parent / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / name, there)
