"""The form that says what a model is fed: a `FeedSpec` in, a `FeedSpec` out. Tensors and Compare share it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from graphdebug.model.records import ValueInfo
from graphdebug.runtime.dims import symbolic_dims
from graphdebug.runtime.requests import FeedSpec, InputFeed
from graphdebug.ui.feed_files import Upload, keep, keep_data_set
from graphdebug.ui.words import dtype, plain, shape
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.store import Workspace

_SHOWN_AT_ONCE = 6
_KINDS = {
    "normal": "Normal",
    "uniform": "Uniform",
    "random": "Random",
    "constant": "Constant",
    "ramp": "Ramp",
    "file": "File",
    "image": "Image",
}
"""What the form offers; ``normal`` and ``uniform`` are the two ways in which floats are random."""
_IMAGENET: tuple[tuple[float, ...], tuple[float, ...]] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def feeds_form(workspace: Workspace, inputs: Sequence[ValueInfo], default: FeedSpec, key: str) -> FeedSpec:
    """Ask what ``inputs`` are fed with and return it; ``default`` is what the widgets start from.

    Symbolic dimensions are asked once per name, unnamed ones as ``input[axis]``. Inputs that are not set by hand get
    random values that fit their type.
    """
    dims = _dims(inputs, default, key)
    seed, dataset = _seed_and_data_set(workspace, default, key)
    return FeedSpec(seed=seed, dims=dims, inputs=_inputs(workspace, inputs, default, key), dataset=dataset)


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


def _seed_and_data_set(workspace: Workspace, default: FeedSpec, key: str) -> tuple[int, str]:
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    seed = left.number_input("Seed", min_value=0, value=default.seed, key=f"{key}:seed", help="Same seed, same values.")
    dataset = default.dataset
    with right.popover(f"Data set: {plain(_short_name(dataset))}" if dataset else "Use a data set", width="stretch"):
        uploads = st.file_uploader(
            "One .npz, a zipped test_data_set folder, or its .pb files",
            type=["npz", "zip", "pb"],
            accept_multiple_files=True,
            key=f"{key}:dataset",
        )
        st.caption("Inputs that the data set lacks are fed as set below.")
        if uploads:
            dataset = str(_kept(lambda: keep_data_set(workspace, uploads)) or "")
        elif dataset and not st.checkbox(f"Keep using {plain(_short_name(dataset))}", True, key=f"{key}:keep-dataset"):
            dataset = ""
    return int(seed), dataset


def _inputs(workspace: Workspace, inputs: Sequence[ValueInfo], default: FeedSpec, key: str) -> dict[str, InputFeed]:
    """Ask for each input; of many, only for those that are to be set by hand."""
    by_name = {value.name: value for value in inputs}
    shown = list(by_name)
    if len(shown) > _SHOWN_AT_ONCE:
        shown = st.multiselect(
            "Inputs set by hand",
            list(by_name),
            default=[name for name in default.inputs if name in by_name],
            placeholder=f"all {len(by_name)} inputs are random",
            key=f"{key}:by-hand",
        )
    feeds = {}
    for name in shown:
        feed = _input(workspace, by_name[name], default.inputs.get(name, InputFeed()), f"{key}:input:{name}")
        if feed != InputFeed():
            feeds[name] = feed
    return feeds


def _input(workspace: Workspace, value: ValueInfo, default: InputFeed, key: str) -> InputFeed:
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
        feed = default if kind == before else InputFeed()
        if kind in ("normal", "uniform"):
            return _random(value, replace(feed, kind="random", distribution=kind), key)
        feed = replace(feed, kind=kind)
        if kind == "random":
            return _random(value, feed, key)
        if kind == "constant":
            return replace(
                feed, value=float(st.number_input("Value", value=feed.value, format="%g", key=f"{key}:value"))
            )
        if kind == "ramp":
            st.caption("0, 1, 2, … in C order.")
            return feed
        if kind == "file":
            return _file(workspace, feed, key)
        return _image(workspace, feed, key)


def _offered(value: ValueInfo) -> list[str]:
    if value.type.kind not in ("tensor", "optional", "unknown"):
        return ["file"]  # a sequence cannot be made up
    is_float = "float" in value.type.dtype or value.type.dtype == "double"
    left_out = {"random"} if is_float else {"normal", "uniform", "image"}
    return [kind for kind in _KINDS if kind not in left_out]


def _random(value: ValueInfo, feed: InputFeed, key: str) -> InputFeed:
    if value.type.dtype in ("bool", "string"):
        return feed
    floats = "normal" in _offered(value)
    normal = floats and feed.distribution == "normal"
    labels = ("Mean", "Deviation") if normal else ("From", "Below")
    hints = ("0", "1") if floats else ("automatic", "automatic")
    low, high = (
        column.number_input(
            label,
            value=start,
            placeholder=hint,
            format="%g" if floats else "%.0f",
            key=f"{key}:{feed.distribution}:{label}",
        )
        for column, label, hint, start in zip(st.columns(2), labels, hints, (feed.low, feed.high), strict=True)
    )
    return replace(feed, low=low, high=high)


def _file(workspace: Workspace, feed: InputFeed, key: str) -> InputFeed:
    upload = st.file_uploader(
        ".npy, .npz or .pb", type=["npy", "npz", "pb"], key=f"{key}:file", label_visibility="collapsed"
    )
    path = _stored(workspace, upload, feed.path)
    member = ""
    if path.endswith(".npz"):
        member = st.text_input(
            "Array in the .npz", value=feed.member, placeholder="the one with the input's name", key=f"{key}:member"
        )
    return replace(feed, path=path, member=member)


def _image(workspace: Workspace, feed: InputFeed, key: str) -> InputFeed:
    upload = st.file_uploader(
        "Image", type=["png", "jpg", "jpeg", "bmp", "webp"], key=f"{key}:image", label_visibility="collapsed"
    )
    path = _stored(workspace, upload, feed.path)
    st.caption("Resized to the input's height and width.")
    columns = st.columns(3)
    layout = columns[0].selectbox("Layout", ["NCHW", "NHWC"], index=int(feed.layout == "NHWC"), key=f"{key}:layout")
    color = columns[1].selectbox(
        "Channels", ["RGB", "BGR", "L"], index=["RGB", "BGR", "L"].index(feed.color), key=f"{key}:color"
    )
    unit = columns[2].selectbox("Pixels", ["0 … 1", "0 … 255"], index=int(feed.scale == 1.0), key=f"{key}:scale")
    usual = st.checkbox("ImageNet mean and deviation", value=feed.mean == _IMAGENET[0], key=f"{key}:imagenet")
    mean, std = _IMAGENET if usual else _mean_and_deviation(feed, key)
    scale = 1.0 if unit == "0 … 255" else 1 / 255
    return replace(feed, path=path, layout=layout, color=color, scale=scale, mean=mean, std=std)


def _mean_and_deviation(feed: InputFeed, key: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    left, right = st.columns(2)
    mean = _numbers(left.text_input("Mean", value=_joined(feed.mean), key=f"{key}:mean"), (0.0,))
    return mean, _numbers(right.text_input("Deviation", value=_joined(feed.std), key=f"{key}:std"), (1.0,))


def _stored(workspace: Workspace, upload: Upload | None, before: str) -> str:
    """Return the path of the uploaded file, else of the one used before."""
    if upload is not None:
        return str(_kept(lambda: keep(workspace, upload)) or "")
    if before:
        st.caption(f"Using {plain(_short_name(before))}")
    else:
        st.caption(":orange[Choose a file.]")
    return before


def _kept(store: Callable[[], Path]) -> Path | None:
    try:
        return store()
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return None


def _numbers(text: str, otherwise: tuple[float, ...]) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.replace(";", ",").split(",")) or otherwise
    except ValueError:
        st.caption(":red[Numbers apart by commas, one or one for each channel.]")
        return otherwise


def _joined(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _short_name(path: str) -> str:
    name = Path(path).name
    return name if len(name) <= 32 else f"{name[:15]}…{name[-15:]}"
