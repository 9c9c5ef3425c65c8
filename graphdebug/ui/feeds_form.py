"""The form that says what a model is fed: a `FeedSpec` in, a `FeedSpec` out. Tensors and Compare share it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from graphdebug.model.records import ValueInfo
from graphdebug.runtime.datasets import files_of
from graphdebug.runtime.dims import symbolic_dims
from graphdebug.runtime.requests import FeedSpec, InputFeed
from graphdebug.ui.kept_files import ask_for_data_set, ask_for_file, short_name
from graphdebug.ui.words import dtype, plain, shape
from graphdebug.workspace.store import Workspace

_SHOWN_AT_ONCE = 6
_KINDS = {
    "none": "No value",
    "normal": "Normal",
    "uniform": "Uniform",
    "random": "Random",
    "constant": "Constant",
    "ramp": "Ramp",
    "file": "File",
    "image": "Image",
}
"""What the form offers; ``normal`` and ``uniform`` are the two ways in which floats are random."""
_COLORS = {"RGB": "RGB", "BGR": "BGR", "L": "grey"}
_DISTRIBUTIONS = ("normal", "uniform")
_IMAGENET: tuple[tuple[float, ...], tuple[float, ...]] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def feeds_form(
    workspace: Workspace,
    inputs: Sequence[ValueInfo],
    default: FeedSpec,
    key: str,
    usual: Mapping[str, InputFeed] | None = None,
) -> FeedSpec:
    """Ask what ``inputs`` are fed with and return it; ``default`` is what the widgets start from.

    Symbolic dimensions are asked once per name, unnamed ones as ``input[axis]``. Inputs that are not set by hand are
    fed as ``usual``, else with random values that fit their type; those that a data set has are not asked for.
    """
    dims = _dims(inputs, default, key)
    seed, dataset, recorded = _seed_and_data_set(workspace, inputs, default, key)
    rest = [value for value in inputs if value.name not in recorded]
    return FeedSpec(seed, dims, _inputs(workspace, rest, default, key, usual or {}), dataset)


def missing_files(feeds: FeedSpec) -> list[str]:
    """Return the inputs that are to be read from a file which was not chosen yet."""
    return [name for name, feed in feeds.inputs.items() if feed.kind in ("file", "image") and not feed.path]


def _dims(inputs: Sequence[ValueInfo], default: FeedSpec, key: str) -> dict[str, int]:
    """Ask for the symbolic dimensions; those that are left empty are 1, or what an image or a file makes them."""
    names = symbolic_dims(inputs)
    dims: dict[str, int] = {}
    if not names:
        return dims
    columns = st.columns(min(3, len(names)))
    for position, name in enumerate(names):
        length = columns[position % len(columns)].number_input(
            plain(name),
            min_value=0,
            value=default.dims.get(name),
            placeholder="1",
            key=f"{key}:dim:{name}",
            help="Length of this dimension, wherever it occurs. Empty: 1, or the length that a file or an image has.",
        )
        if length is not None:
            dims[name] = int(length)
    return dims


def _seed_and_data_set(
    workspace: Workspace, inputs: Sequence[ValueInfo], default: FeedSpec, key: str
) -> tuple[int, str, Sequence[str]]:
    """Ask for seed and data set; return both, and the names of the inputs that the data set has."""
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    seed = left.number_input("Seed", min_value=0, value=default.seed, key=f"{key}:seed", help="Same seed, same values.")
    with right.popover("Use a data set", width="stretch"):
        dataset = ask_for_data_set(workspace, default.dataset, f"{key}:dataset")
        st.caption("Inputs that the data set lacks are fed as set below.")
    if not dataset:
        return int(seed), "", ()
    try:
        recorded = _recorded(dataset, tuple(value.name for value in inputs))
    except (ValueError, OSError) as error:
        st.error(plain(str(error)))
        return int(seed), dataset, ()
    said = ", ".join(map(plain, recorded)) if len(recorded) <= _SHOWN_AT_ONCE else f"{len(recorded)} inputs"
    st.caption(f"The data set {plain(short_name(dataset))} feeds {said}.")
    return int(seed), dataset, recorded


@st.cache_data(max_entries=8, show_spinner=False)
def _recorded(dataset: str, inputs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(files_of(Path(dataset), inputs))


def _inputs(
    workspace: Workspace, inputs: Sequence[ValueInfo], default: FeedSpec, key: str, usual: Mapping[str, InputFeed]
) -> dict[str, InputFeed]:
    """Ask for each input; of many, only for those that are to be set by hand."""
    by_name = {value.name: value for value in inputs}
    shown = list(by_name)
    if len(shown) > _SHOWN_AT_ONCE:
        shown = st.multiselect(
            "Inputs set by hand",
            list(by_name),
            default=[name for name in default.inputs if name in by_name],
            placeholder=f"all {len(by_name)} inputs are made up",
            key=f"{key}:by-hand",
        )
    feeds = {}
    for name in shown:
        otherwise = usual.get(name, InputFeed())
        start = default.inputs.get(name, otherwise)
        feed = _input(workspace, by_name[name], start, otherwise, f"{key}:input:{name}")
        if feed != otherwise:
            feeds[name] = feed
    return feeds


def _input(workspace: Workspace, value: ValueInfo, default: InputFeed, usual: InputFeed, key: str) -> InputFeed:
    """Ask for one input; its fields start from ``default``, and from ``usual`` when its kind is chosen again."""
    with st.container(border=True, gap="small"):
        left, right = st.columns([3, 2], vertical_alignment="center")
        left.markdown(
            f"**{plain(value.name)}**  \n:small[:gray[{plain(dtype(value.type))} {plain(shape(value.type))}]]"
        )
        offered = _offered(value)
        before = default.distribution if default.kind == "random" and "normal" in offered else default.kind
        kind = right.selectbox(
            f"How {plain(value.name)} is fed",
            offered,
            index=offered.index(before) if before in offered else 0,
            format_func=_KINDS.__getitem__,
            label_visibility="collapsed",
            key=f"{key}:kind",
        )
        feed = default if kind == before else usual if kind == usual.kind else InputFeed()
        feed = replace(feed, kind="random", distribution=kind) if kind in _DISTRIBUTIONS else replace(feed, kind=kind)
        if kind == "none":
            return feed
        if kind == "file":
            return _file(workspace, feed, key)
        if kind == "image":
            return _image(workspace, value, feed, key)
        if value.type.kind == "sequence":
            length = st.number_input("Tensors", 0, 1000, feed.length, key=f"{key}:length", help="How many it holds.")
            feed = replace(feed, length=int(length))
        if kind == "constant":
            return replace(
                feed, value=float(st.number_input("Value", value=feed.value, format="%g", key=f"{key}:value"))
            )
        return _range(value, feed, key)


def _offered(value: ValueInfo) -> list[str]:
    """Return the kinds of feeds that an input can have."""
    kind, element, shape = value.type.kind, value.type.dtype, value.type.shape
    none = ["none"] if kind == "optional" else []
    if kind not in ("tensor", "optional", "sequence") or shape is None or not element:
        return [*none, "file"]  # nothing says what to make up
    if element == "string":
        return [*none, "random", "ramp", "file"]
    image = ["image"] if (_is_float(value) or element == "uint8") and 2 <= len(shape) <= 4 else []
    return [*none, *(_DISTRIBUTIONS if _is_float(value) else ("random",)), "constant", "ramp", "file", *image]


def _is_float(value: ValueInfo) -> bool:
    return "float" in value.type.dtype or value.type.dtype in ("double", "complex64", "complex128")


def _range(value: ValueInfo, feed: InputFeed, key: str) -> InputFeed:
    """Ask for the two numbers that bound random values or a ramp."""
    if value.type.dtype in ("bool", "string"):
        return feed
    floats = _is_float(value)
    normal = floats and (feed.kind, feed.distribution) == ("random", "normal")
    labels = ("Mean", "Deviation") if normal else ("From", "To" if floats and feed.kind == "ramp" else "Below")
    hints = ("0", "1") if floats else ("automatic", "automatic")
    low, high = (
        column.number_input(
            label,
            value=start,
            placeholder=hint,
            format="%g" if floats else "%.0f",
            key=f"{key}:{feed.kind}:{feed.distribution}:{label}",
        )
        for column, label, hint, start in zip(st.columns(2), labels, hints, (feed.low, feed.high), strict=True)
    )
    if feed.kind == "ramp":
        st.caption("Rises in C order, the last axis fastest" + ("." if floats else ", by one."))
    return replace(feed, low=low, high=high)


def _file(workspace: Workspace, feed: InputFeed, key: str) -> InputFeed:
    path = ask_for_file(workspace, ["npy", "npz", "pb", "json"], feed.path, f"{key}:file")
    member = ""
    if path.endswith((".npz", ".json")):
        member = st.text_input(
            "Array in the file", value=feed.member, placeholder="the one with the input's name", key=f"{key}:member"
        )
    return replace(feed, path=path, member=member)


def _image(workspace: Workspace, value: ValueInfo, feed: InputFeed, key: str) -> InputFeed:
    path = ask_for_file(workspace, ["png", "jpg", "jpeg", "bmp", "webp"], feed.path, f"{key}:image")
    st.caption("Resized to the input's height and width.")
    columns = st.columns(3)
    last = feed.layout == "NHWC" or (not feed.path and _channels_come_last(value))
    layout = columns[0].selectbox("Layout", ["NCHW", "NHWC"], index=int(last), key=f"{key}:layout")
    color = columns[1].selectbox(
        "Channels",
        list(_COLORS),
        list(_COLORS).index(feed.color),
        format_func=_COLORS.__getitem__,
        key=f"{key}:color",
    )
    unit = columns[2].selectbox("Pixels", ["0 … 1", "0 … 255"], index=int(feed.scale == 1.0), key=f"{key}:scale")
    usual = st.checkbox("ImageNet mean and deviation", value=feed.mean == _IMAGENET[0], key=f"{key}:imagenet")
    mean, std = _IMAGENET if usual else _mean_and_deviation(feed, key)
    scale = 1.0 if unit == "0 … 255" else 1 / 255
    return replace(feed, path=path, layout=layout, color=color, scale=scale, mean=mean, std=std)


def _channels_come_last(value: ValueInfo) -> bool:
    """Guess the layout from where there are as few as an image's channels."""
    dims = value.type.shape or ()
    return len(dims) > 2 and dims[-1] in (1, 3, 4) and dims[-3] not in (1, 3, 4)


def _mean_and_deviation(feed: InputFeed, key: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    left, right = st.columns(2)
    mean = _numbers(left.text_input("Mean", value=_joined(feed.mean), key=f"{key}:mean"), (0.0,))
    return mean, _numbers(right.text_input("Deviation", value=_joined(feed.std), key=f"{key}:std"), (1.0,))


def _numbers(text: str, otherwise: tuple[float, ...]) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.replace(";", ",").split(",")) or otherwise
    except ValueError:
        st.caption(":red[Numbers with commas between: one, or one for each channel.]")
        return otherwise


def _joined(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
