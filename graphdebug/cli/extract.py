"""``graphdebug extract``: a part of a model as a model."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphdebug.cli.boundary_data import check_new_folder, record
from graphdebug.cli.console import (
    ALL_MATCH,
    SOME_DIFFER,
    CommandError,
    check_folder,
    job_folder,
    parse_pairs,
    plain,
    plural,
    run_job,
    write_text,
)
from graphdebug.cli.edit import move, print_broken
from graphdebug.model.records import Dim, ModelLocation
from graphdebug.runtime.requests import FeedSpec

if TYPE_CHECKING:
    from graphdebug.edit.extraction import InputType

_OTHER_NAMES = {"float32": "float", "float64": "double", "half": "float16", "str": "string"}
"""What numpy calls element types, where ONNX calls them otherwise."""

_path = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Cut a part out of a model.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--inputs", "input_lists", multiple=True, metavar="A,B", help="Values at which the part begins.")
@click.option("--outputs", "output_lists", multiple=True, metavar="C,D", help="Values at which it ends.")
@click.option("--input", "inputs", multiple=True, metavar="NAME", help="As --inputs, one name, which may hold commas.")
@click.option("--output", "outputs", multiple=True, metavar="NAME", help="As --outputs, one name.")
@click.option("--scope", default="", metavar="SCOPE", help="A module scope: all of it, such as encoder.layers.3.")
@click.option("--node", default="", metavar="NAME", help="A node and what lies around it: see --hops.")
@click.option("--hops", type=click.IntRange(min=0), default=1, show_default=True, help="How far around --node.")
@click.option("--graph", default="", metavar="PATH", help="The body or function that names are of: 12.then_branch.")
@click.option("--keep-unused", is_flag=True, help="Keep inputs on which nothing depends.")
@click.option("--type", "types", multiple=True, metavar="NAME=DTYPE:SHAPE", help="An unknown type: x=float32:1,3,n.")
@click.option("--learn", is_flag=True, help="Learn types that are not known from one run of MODEL.")
@click.option("-o", "output", required=True, type=_path, help="The .onnx to write.")
@click.option("--recipe", type=_path, help="Also write the cut as a recipe, for other exports of the network.")
@click.option("--script", type=_path, help="Also write a Python script that does the same.")
@click.option("--data", type=click.Path(path_type=Path), help="A folder to make: the part with its inputs and outputs.")
@click.option(
    "--feeds",
    type=click.Path(exists=True, path_type=Path),
    help="For --data, --learn: an .npz, or a test_data_set folder.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="For these: seed of random inputs.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=LENGTH", help="For these: length of a symbolic dimension.")
def extract(
    model: Path,
    input_lists: tuple[str, ...],
    output_lists: tuple[str, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    scope: str,
    node: str,
    hops: int,
    graph: str,
    keep_unused: bool,
    types: tuple[str, ...],
    learn: bool,
    output: Path,
    recipe: Path | None,
    script: Path | None,
    data: Path | None,
    feeds: Path | None,
    seed: int,
    dims: tuple[str, ...],
) -> int:
    """Write the part of MODEL that leads from some values to others as a model. MODEL stays as it is.

    Without inputs, it begins at those of MODEL; without outputs, it ends at those of MODEL. --scope and --node name a
    part by its nodes: what enters and leaves these are its inputs and outputs. When the inputs do not suffice, the
    sentence on stderr says which values would, and the exit code is 2.

    --data also runs MODEL and records what goes into the part and comes out of it, so that it can be debugged alone;
    the exit code is 1 when the part alone gives something else.
    """
    from graphdebug.extract.extract_job import EXTRACT_JOB, ExtractRequest, ExtractResult

    starts, ends = (*_names(input_lists), *inputs), (*_names(output_lists), *outputs)
    if sum(map(bool, (scope, node))) > 1 or not (starts or ends or scope or node):
        raise CommandError("Say where to cut: --inputs and --outputs, --scope, or --node.")
    check_folder(output, recipe, script)
    if data:
        check_new_folder(data)
    spec = FeedSpec(seed, parse_pairs("--dim", dims), dataset=str(feeds.absolute()) if feeds else "")
    target = output.resolve()
    if target.exists() and not target.is_file():
        raise CommandError(f"{plain(str(output))} is no file but a device: name a file to write the model to.")
    others = [path.resolve() for path in (recipe, script) if path]
    if len({*others, target, model.resolve()}) < len(others) + 2:
        raise CommandError("The model, the output, the recipe and the script must be different files.")
    request = ExtractRequest(
        ModelLocation(str(model.absolute())),
        str(target),
        starts,
        ends,
        graph,
        scope,
        node,
        hops,
        keep_unused,
        dict(map(_typed, types)),
        spec if learn else None,
        script.name if script else "",
    )
    with job_folder(beside=target) as folder:
        result = run_job(EXTRACT_JOB, request, folder, ExtractResult)
        if result.broken:
            print_broken(result.broken)
            raise CommandError("The part would be broken, so nothing is written.")
        move(result.files, folder / "files", target)
        if script:
            move(result.script, folder / "script", script.resolve())
    if recipe:
        write_text(str(recipe), result.recipe)
    for note in result.notes:
        click.echo(plain(note))
    for path in (recipe, script):
        if path:
            click.echo(f"{plain(str(path))} written.")
    click.echo(f"{plain(str(output))} written: {result.nodes:,} of {plural(result.of, 'node')}.")
    if data and not record(model, result.recipe, target.name, spec, data):
        return SOME_DIFFER
    return ALL_MATCH


def _names(lists: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.strip() for each in lists for name in each.split(",") if name.strip())


def _typed(text: str) -> "tuple[str, InputType]":
    """Parse ``NAME=DTYPE:SHAPE``: ``x=float32:1,3,n``, with ``?`` for an unknown length and no shape for any rank.

    Raises:
        CommandError: it is nothing of the kind.
    """
    from graphdebug.edit.extraction import InputType

    name, equals, kind = text.rpartition("=")
    dtype, colon, lengths = kind.partition(":")
    if not equals or not name or not dtype:
        raise CommandError(f"--type {text!r} is not NAME=DTYPE:SHAPE, such as --type x=float32:1,3,n.")
    shape = tuple(_dim(length.strip()) for length in lengths.split(",") if length.strip()) if colon else None
    return name, InputType(_OTHER_NAMES.get(dtype, dtype), shape)


def _dim(text: str) -> Dim:
    return int(text) if text.isdecimal() else None if text == "?" else text
