"""``graphdebug tensors``: run a model once and keep its tensors."""

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
from graphdebug.runtime.requests import FeedSpec, RunRequest, RunResult, TensorRow

_ROWS_SHOWN = 30


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
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .npz to write."
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
    as_json: bool,
) -> None:
    """Run MODEL once and write tensors to an .npz: its outputs, the named tensors, or all of them.

    SPEC is a backend with its options, such as onnxruntime:opt=disable or reference.
    """
    if names and everything:
        raise CommandError("--tensor and --all contradict each other: leave one out.")
    target = output.resolve()  # a link stays one
    if target.exists() and not target.is_file():
        raise CommandError(f"{output} is no file but a device: name a file to write the .npz to.")
    request = RunRequest(
        model=ModelLocation(str(model.absolute())),
        backend=backend,
        feeds=FeedSpec(seed, parse_pairs("--dim", dims), dataset=str(feeds.absolute()) if feeds else ""),
        tensors=names or None,
        mode="isolated" if names or everything else "plain",
    )
    check_folder(output)
    with job_folder(beside=target) as folder:
        result = run_job("graphdebug.runtime.run:run_job", request, folder, RunResult)
        (folder / "tensors.npz").replace(target)
    if as_json:
        import msgspec

        header = {"version": 1, "model": str(model), "backend": backend, "output": str(output)}
        write_text("-", msgspec.json.encode(header | msgspec.to_builtins(result)).decode())
    else:
        _print_result(result, output)


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
