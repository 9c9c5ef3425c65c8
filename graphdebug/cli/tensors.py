"""``graphdebug tensors``: run a model once and keep its tensors."""

import shutil
from pathlib import Path

import click

from graphdebug.cli.console import (
    CommandError,
    check_folder,
    job_folder,
    number,
    parse_pairs,
    plain,
    plural,
    print_table,
    run_job,
    type_text,
    write_text,
)
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec, RunRequest, RunResult, TensorRow, WriteRequest

_ROWS_SHOWN = 30
_FORMS = ("npz", "npy", "polygraphy", "onnx")
_FOLDERS = ("npy", "onnx")


@click.command(short_help="Run a model once and keep its tensors.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--feeds", type=click.Path(exists=True, path_type=Path), help="Inputs: an .npz, or a test_data_set folder."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random inputs, where --feeds has none.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=LENGTH", help="Length of a symbolic dimension (default 1).")
@click.option("--tensor", "names", multiple=True, metavar="NAME", help="A tensor to keep; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Keep every tensor that can be tapped.")
@click.option("--backend", default="onnxruntime", show_default=True, metavar="SPEC", help="What runs the model.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="What to write; see --format.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    help="npz; npy and onnx (a test_data_set): a new folder; polygraphy: JSON. By the ending of -o when left out.",
)
@click.option(
    "--save-inputs",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write what was fed, to an .npz or to Polygraphy's .json.",
)
@click.option("--json", "as_json", is_flag=True, help="Print statistics of every tensor as JSON instead of a table.")
def tensors(
    model: Path,
    feeds: Path | None,
    seed: int,
    dims: tuple[str, ...],
    names: tuple[str, ...],
    everything: bool,
    backend: str,
    output: Path,
    form: str | None,
    save_inputs: Path | None,
    as_json: bool,
) -> None:
    """Run MODEL once and write tensors: its outputs, the named tensors, or all of them.

    SPEC is a backend with its options, such as onnxruntime:opt=disable or reference.
    """
    if names and everything:
        raise CommandError("--tensor and --all contradict each other: leave one out.")
    form = form or ("polygraphy" if output.suffix.lower() == ".json" else "npz")
    target = output.resolve()  # a link stays one
    _check_target(output, target, form)
    request = RunRequest(
        model=ModelLocation(str(model.absolute())),
        backend=backend,
        feeds=FeedSpec(seed, parse_pairs("--dim", dims), dataset=str(feeds.absolute()) if feeds else ""),
        tensors=names or None,
        mode="isolated" if names or everything else "plain",
    )
    check_folder(output, save_inputs)
    with job_folder(beside=target) as folder:
        result = run_job("graphdebug.runtime.run:run_job", request, folder, RunResult)
        if save_inputs is not None:
            polygraphy = save_inputs.suffix.lower() == ".json"
            made = _in_form(request, folder, "polygraphy") / "inputs.json" if polygraphy else folder / "feeds.npz"
            shutil.copyfile(made, save_inputs)
        if form == "npz":
            (folder / "tensors.npz").replace(target)
        elif form == "polygraphy":
            (_in_form(request, folder, form) / "outputs.json").replace(target)
        else:
            _in_form(request, folder, form).replace(target)
    if as_json:
        import msgspec

        header = {"version": 1, "model": str(model), "backend": backend, "output": str(output)}
        write_text("-", msgspec.json.encode(header | msgspec.to_builtins(result)).decode())
    else:
        _print_result(result, output)


def _check_target(output: Path, target: Path, form: str) -> None:
    """Make sure that what is to be written can be, before anything runs."""
    if form in _FOLDERS:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise CommandError(f"{output} is there already: name a new folder to write the files to.")
    elif target.is_dir():
        raise CommandError(f"{output} is a folder: name a file, or write a folder with --format npy or onnx.")
    elif target.exists() and not target.is_file():
        raise CommandError(f"{output} is no file but a device: name a file to write the tensors to.")


def _in_form(request: RunRequest, folder: Path, form: str) -> Path:
    """Write what the run left in ``folder`` in another form, once, and return the folder with it."""
    made = folder / form
    if not made.exists():
        made.mkdir()
        write = WriteRequest(request.model, str(folder), form)
        run_job("graphdebug.runtime.recorded:write_job", write, made, type(None))
    return made / "files"


def _print_result(result: RunResult, output: Path) -> None:
    """Print the first tensor that is not finite, a table of the first rows, and what could not be tapped."""
    rows = {row.name: row for row in result.rows}
    if result.first_nonfinite is None:
        click.echo("All values are finite.")
    else:
        first = rows[result.first_nonfinite]
        by = f", made by {first.op}" if first.op else ""
        click.secho(plain(f"First NaN or Inf in topological order: {first.name}{by}."), bold=True)
    head = ("tensor", "op", "type", "min", "max", "mean", "std", "NaN", "Inf")
    print_table([head, *(_cells(row) for row in result.rows[:_ROWS_SHOWN])])
    if len(result.rows) > _ROWS_SHOWN:
        click.echo(f"  … {plural(len(result.rows) - _ROWS_SHOWN, 'more tensor')}")
    if result.untapped:
        name, reason = next(iter(result.untapped.items()))
        click.echo(plain(f"{plural(len(result.untapped), 'tensor')} not tapped, such as {name}: {reason}."))
    click.echo(plain(f"{plural(sum(bool(row.stored) for row in result.rows), 'tensor')} written to {output}."))


def _cells(row: TensorRow) -> tuple[str, ...]:
    found = row.statistics
    if found is None:
        return row.name, row.op, type_text(row.type), row.note, "", "", "", "", ""
    measured = (number(value, 4) for value in (found.minimum, found.maximum, found.mean, found.std))
    return row.name, row.op, type_text(row.type), *measured, str(found.nans or ""), str(found.infs or "")
