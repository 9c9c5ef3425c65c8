"""``graphdebug split``: a model as parts that chain, proven against the whole."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphdebug.cli.boundary_data import check_new_folder
from graphdebug.cli.console import (
    ALL_MATCH,
    SOME_DIFFER,
    CommandError,
    job_folder,
    number,
    parse_pairs,
    plain,
    plural,
    print_table,
    reader_may_leave,
    run_job,
    write_text,
)
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec

if TYPE_CHECKING:
    from graphdebug.extract.records import ManifestPart, SplitResult, Trial


@click.command(short_help="Split a model into parts that chain, and prove that they do.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--at", "lists", multiple=True, metavar="A,B", help="Values to split at; may be repeated.")
@click.option("--value", "values", multiple=True, metavar="NAME", help="As --at, a single name that may hold commas.")
@click.option("--parts", type=click.IntRange(min=2), metavar="N", help="Split into N parts of like cost.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="A module scope as a part; may be repeated.")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Split by scopes of N modules.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option(
    "--feeds", type=click.Path(exists=True, path_type=Path), help="Inputs: an .npz, or a test_data_set folder."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random inputs, where --feeds has none.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=LENGTH", help="Length of a symbolic dimension (default 1).")
@click.option("--backend", default="onnxruntime", show_default=True, metavar="SPEC", help="What runs the proof.")
@click.option("--no-proof", is_flag=True, help="Do not run parts and whole to see whether they agree.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def split(
    model: Path,
    lists: tuple[str, ...],
    values: tuple[str, ...],
    parts: int | None,
    scopes: tuple[str, ...],
    depth: int | None,
    output: Path,
    feeds: Path | None,
    seed: int,
    dims: tuple[str, ...],
    backend: str,
    no_proof: bool,
    as_json: bool,
) -> int:
    """Split MODEL at values, into parts of like cost, or by module scope, and write the parts to a new folder.

    Beside them are manifest.json, which says how they chain, and run.py, which runs them with nothing but NumPy and
    ONNX Runtime. Then parts and whole run on the same inputs. The exit code is 0 when no output differs without
    optimisation, 1 when one does, and 2 when the model could not be split.
    """
    from graphdebug.extract.records import PARTS_FOLDER, SPLIT_JOB, SplitRequest, SplitResult

    at = (*(name for each in lists for name in each.split(",") if name), *values)
    if sum(map(bool, (at, parts, scopes, depth))) != 1:
        raise CommandError("Say in one way where to split: --at, --parts, --scope or --depth.")
    target = output.resolve()
    check_new_folder(output)
    request = SplitRequest(
        ModelLocation(str(model.absolute())),
        at,
        parts or 0,
        scopes,
        depth or 0,
        model.name,
        FeedSpec(seed, parse_pairs("--dim", dims), dataset=str(feeds.absolute()) if feeds else ""),
        not no_proof,
        backend,
    )
    with job_folder(beside=target) as folder:
        result = run_job(SPLIT_JOB, request, folder, SplitResult)
        (folder / PARTS_FOLDER).replace(target)
    with reader_may_leave():
        if as_json:
            import msgspec

            header = {"version": 1, "model": str(model), "output": str(output)}
            write_text("-", msgspec.json.encode(header | msgspec.to_builtins(result)).decode())
        else:
            _print_result(result, output)
    return SOME_DIFFER if result.proven is False else ALL_MATCH


def _print_result(result: "SplitResult", output: Path) -> None:
    for note in result.notes:
        click.echo(plain(note))
    print_table([("part", "nodes", "takes", "gives"), *map(_cells, result.manifest.parts)])
    for at, trial in enumerate(result.trials):
        _print_trial(trial, proof=at == 0)
    click.echo(plain(f"{plural(len(result.manifest.parts), 'part')} written to {output}."))


def _cells(part: "ManifestPart") -> tuple[str, ...]:
    takes, gives = (", ".join(value.name for value in values) for values in (part.inputs, part.outputs))
    return part.file, str(part.nodes), takes, gives


def _print_trial(trial: "Trial", proof: bool) -> None:
    """Print what running parts and whole came to: no output differs, or which and by how much."""
    seconds = f"whole {trial.whole_seconds:.2f} s, parts {trial.parts_seconds:.2f} s"
    if trial.same:
        click.secho(
            plain(f"{trial.backend}: the parts give what the whole gives, bit for bit ({seconds})."), fg="green"
        )
        return
    why = "" if proof else ", as the engine optimises the whole in another way"
    click.secho(
        plain(f"{trial.backend}: the parts give something else{why} ({seconds})."), fg="red" if proof else "yellow"
    )
    for output in trial.outputs:
        if not output.same:
            said = f"largest difference {number(output.largest)}" if output.largest is not None else output.note
            click.echo(plain(f"  {output.name}: {said}"))
