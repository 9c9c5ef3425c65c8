"""``graphdebug graph``: a graph as a picture, as DOT for graphviz, or as JSON."""

from pathlib import Path

import click

from graphdebug.cli.console import CommandError, check_folder, job_folder, plain, run_job
from graphdebug.model.records import ModelLocation

_FORMATS = ("svg", "png", "dot", "json")


@click.command(short_help="Draw a graph: SVG, PNG, DOT for graphviz, or JSON.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; .svg, .png, .dot or .json says what it becomes.",
)
@click.option("--graph", "path", default="", metavar="PATH", help="A nested graph or a function's body.")
@click.option("--expand", "groups", multiple=True, metavar="GROUP", help="A group to open, or all; may be repeated.")
@click.option("--collapse", is_flag=True, help="Open no group but those of --expand.")
@click.option("--flat", is_flag=True, help="Draw every node, and no groups.")
@click.option("--around", multiple=True, metavar="NODE", help="Only what is near this node (name or number).")
@click.option("--hops", type=click.IntRange(0, 100), default=1, show_default=True, help="How many lines away.")
@click.option("--direction", type=click.Choice(["down", "right"]), default="down", show_default=True)
@click.option("--scale", type=click.FloatRange(0.01, 20), default=1.0, show_default=True, help="Enlarge a PNG.")
@click.option(
    "--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True, help="Of SVG and PNG."
)
def graph(
    model: Path,
    output: Path,
    path: str,
    groups: tuple[str, ...],
    collapse: bool,
    flat: bool,
    around: tuple[str, ...],
    hops: int,
    direction: str,
    scale: float,
    theme: str,
) -> None:
    """Draw a graph of MODEL as the graph view does: groups folded, on the level that is useful at first.

    Nothing is run and weights stay unread. A model with faults is drawn, too.
    """
    from graphdebug.report.drawing import DRAW_JOB, LIMITS, Drawn, DrawRequest
    from graphdebug.view.scene import ALL

    kind = output.suffix.removeprefix(".").lower()
    if kind not in _FORMATS:
        raise CommandError(f"{output.name} does not say what to write: name it .svg, .png, .dot or .json.")
    if around and (groups or collapse or flat):
        raise CommandError("--around draws without groups: leave --expand, --collapse and --flat out.")
    expanded = tuple(ALL if name == "all" else name for name in groups) if groups or collapse else None
    request = DrawRequest(
        ModelLocation(str(model.absolute())), kind, path, expanded, flat, direction, around, hops, scale, theme
    )
    check_folder(output)
    target = output.resolve()  # a link stays one
    with job_folder(beside=target) as folder:
        drawn = run_job(DRAW_JOB, request, folder, Drawn, LIMITS)
        (folder / drawn.file).replace(target)
    for notice in drawn.notices:
        click.echo(plain(notice), err=True)
    size = f", {drawn.width} × {drawn.height} pixels" if drawn.width else ""
    click.echo(f"{plain(str(output))}{size}")
