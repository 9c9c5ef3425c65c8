"""``graphdebug triton-repository``: a model as a Triton Inference Server loads it."""

import re
from pathlib import Path

import click

from graphdebug.cli.console import CommandError, check_folder, job_folder, parse_pairs, plain, plural, run_job
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec


@click.command("triton-repository", short_help="Write a model as a repository for a Triton server.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The repository: a folder.")
@click.option("--name", default="", help="What the model is called on the server; its file's name when left out.")
@click.option("--version", type=int, default=1, show_default=True, help="The version's number.")
@click.option(
    "--backend",
    type=click.Choice(("onnxruntime", "python")),
    default="onnxruntime",
    show_default=True,
    help="What runs it: the server's ONNX Runtime, or a model.py that calls one.",
)
@click.option("--max-batch", type=int, default=0, help="Let the server put requests together, up to so many; 0: not.")
@click.option("--preferred", default="", metavar="N,N", help="Batches that the server shall wait for.")
@click.option("--queue-delay", type=int, default=0, help="Microseconds that a request may wait for others.")
@click.option("--instances", type=int, default=1, show_default=True, help="Copies of the model that run side by side.")
@click.option("--kind", type=click.Choice(("auto", "cpu", "gpu")), default="auto", show_default=True, help="Where.")
@click.option("--warm-up", is_flag=True, help="Let the server run it once on inputs before it is ready.")
@click.option("--feeds", type=click.Path(exists=True, path_type=Path), help="Inputs to warm up with; see compare.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random inputs, where --feeds has none.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=LENGTH", help="Length of a symbolic dimension (default 1).")
def triton_repository(
    model: Path,
    output: Path,
    name: str,
    version: int,
    backend: str,
    max_batch: int,
    preferred: str,
    queue_delay: int,
    instances: int,
    kind: str,
    warm_up: bool,
    feeds: Path | None,
    seed: int,
    dims: tuple[str, ...],
) -> None:
    """Write MODEL into a model repository, a folder that a Triton server loads (tritonserver --model-repository=DIR).

    Other models of the repository stay. Of a model that is there already, only the new version is added.
    """
    from graphdebug.report.triton_repository import RepositoryOptions, RepositoryRequest

    if preferred and not re.fullmatch(r"\d+(,\d+)*", preferred):
        raise CommandError(f"--preferred {preferred!r} is no list of batches, such as 4,8.")
    options = RepositoryOptions(
        name=name,
        version=version,
        backend=backend,
        max_batch=max_batch,
        preferred=tuple(int(size) for size in preferred.split(",") if size),
        queue_delay=queue_delay,
        instances=instances,
        kind=kind,
        warm_up=warm_up,
    )
    spec = FeedSpec(seed, parse_pairs("--dim", dims), dataset=str(feeds.absolute()) if feeds else "")
    request = RepositoryRequest(ModelLocation(str(model.absolute())), options, spec)
    check_folder(output)
    with job_folder(beside=output) as folder:
        files = run_job("graphdebug.report.triton_repository:repository_job", request, folder, tuple[str, ...])
        served = files[0].partition("/")[0]
        if (output / served / str(version)).exists():
            raise CommandError(f"{output / served / str(version)} is there already: take another --name or --version.")
        if (output / served).exists():
            files = tuple(file for file in files if file.startswith(f"{served}/{version}/"))
        for file in files:
            (output / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / "repository" / file).replace(output / file)
    click.echo(plain(f"{plural(len(files), 'file')} written to {output}: {', '.join(files[:6])}."))
