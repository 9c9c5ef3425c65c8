"""Whose turn it is: the order in which backends are measured, so that what drifts meanwhile hits all alike."""

import random
from collections.abc import Iterator, Sequence

from graphdebug.bench.records import ORDERS


def turns(sides: Sequence[int], rounds: int, order: str) -> Iterator[tuple[int, int]]:
    """Yield (round, side), every side once a round.

    ``abba``: there and back (A B, B A, A B …), so that over two rounds a steady drift adds the same to every side.
    ``random``: each round in an order of its own, always the same for the same arguments. ``sequential``: all rounds
    of a side, then those of the next: nothing cancels.

    Raises:
        ValueError: there is no such order.
    """
    if order not in ORDERS:
        raise ValueError(f"There is no order {order!r}; orders are {', '.join(ORDERS)}.")
    if order == "sequential":
        yield from ((number, side) for side in sides for number in range(rounds))
        return
    shuffle = random.Random(0).shuffle
    for number in range(rounds):
        mine = list(sides) if order == "random" or number % 2 == 0 else list(reversed(sides))
        if order == "random":
            shuffle(mine)
        yield from ((number, side) for side in mine)
