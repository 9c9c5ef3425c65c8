"""``graphdebug engine``: what TensorRT takes of a model, and what it makes of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphdebug.cli.console import (
    COULD_NOT_RUN,
    CommandError,
    check_folder,
    job_folder,
    parse_pairs,
    plain,
    plural,
    run_job,
    write_text,
)
from graphdebug.model.records import ModelLocation

if TYPE_CHECKING:
    from graphdebug.runtime.engine_records import EngineResult

_SHOWN = 10


@click.command(short_help="Build a TensorRT engine and keep its layers.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--backend", default="tensorrt", show_default=True, metavar="SPEC", help="TensorRT with its options.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=LENGTH", help="Length of a symbolic dimension (default 1).")
@click.option("--support", "only_support", is_flag=True, help="Only list what TensorRT does not take; build nothing.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the layers go: .json as the engine's inspector tells them, .onnx as a graph.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def engine(
    model: Path, backend: str, dims: tuple[str, ...], only_support: bool, output: Path | None, as_json: bool
) -> int:
    """Ask TensorRT what it takes of MODEL, build an engine, and read back what became of it.

    Exit code 0: taken and built (with --support: taken). 2: not.
    """
    from graphdebug.runtime.engine_records import ENGINE_JOB, ENGINE_LIMITS, LAYERS_FILE, EngineRequest, EngineResult
    from graphdebug.runtime.tensorrt_job import LAYERS_MODEL

    if output is not None and output.suffix not in (".json", ".onnx"):
        raise CommandError(f"{output} is neither .json nor .onnx.")
    check_folder(output)
    request = EngineRequest(ModelLocation(str(model.absolute())), backend, not only_support, parse_pairs("--dim", dims))
    with job_folder(beside=output) as folder:
        result = run_job(ENGINE_JOB, request, folder, EngineResult, ENGINE_LIMITS)
        if output is not None and result.environment:
            (folder / (LAYERS_FILE if output.suffix == ".json" else LAYERS_MODEL)).replace(output.resolve())
    if as_json:
        import msgspec

        write_text(
            "-", msgspec.json.encode({"version": 1, "model": str(model), **msgspec.to_builtins(result)}).decode()
        )
    else:
        _print(result)
    return 0 if result.support.supported else COULD_NOT_RUN


def _print(result: "EngineResult") -> None:
    """Print what is not taken, and what was built."""
    found = result.support
    lacking = sum(len(part.nodes) for part in found.subgraphs if not part.supported)
    if found.supported:
        click.echo(f"TensorRT {found.version} takes the whole model.")
    else:
        click.secho(f"TensorRT {found.version} does not take {plural(lacking, 'node')} of the model.", bold=True)
    for each in found.complaints[:_SHOWN]:
        click.echo(plain(f"  {each.name or '?'} ({each.op or '?'}): {each.message}"))
    for name, value in result.environment.items():
        click.echo(plain(f"  {name}: {value}"))
