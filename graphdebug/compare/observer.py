"""The observer effect: does exposing tensors change what a model gives out?"""

from typing import Any

import numpy as np

from graphdebug.compare.metrics import NonFiniteError, measure
from graphdebug.compare.records import ObserverEffect


def observe(side: str, output: str, plain: Any, tapped: Any) -> ObserverEffect:
    """Compare one model output of a run as anyone would run it with that of the tapped run on the same feeds.

    ``side`` is ``reference`` or ``candidate``. ``max_abs`` is in the output's unit.
    """
    if not isinstance(plain, np.ndarray) or not isinstance(tapped, np.ndarray):
        return ObserverEffect(side, output, identical=False, note="not a tensor, so not compared")
    if plain.shape != tapped.shape or plain.dtype != tapped.dtype:
        return ObserverEffect(side, output, identical=False, note="tapping changed its shape or dtype")
    if plain.size == 0:
        return ObserverEffect(side, output, identical=True, max_abs=0.0)
    if plain.dtype.kind in "OU":
        same = bool((plain.astype(object) == tapped.astype(object)).all())
        return ObserverEffect(side, output, same, note="" if same else "tapping changed the strings")
    try:
        metrics = measure(plain, tapped)
    except NonFiniteError:
        return ObserverEffect(side, output, identical=False, note="NaN or infinite with or without taps only")
    return ObserverEffect(side, output, metrics.identical, metrics.max_abs)
