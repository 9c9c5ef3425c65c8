"""Many texts searched at once: one long string and where each of them begins in it."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from graphdebug.view.layering import Ints

_BETWEEN = "\0"

Ranks = npt.NDArray[np.int8]
"""How well each thing fits: EXACT is best, NOT is not at all."""
EXACT, START, WITHIN, NOT = 0, 1, 2, 3


class Texts:
    """Texts, casefolded. Tens of thousands are searched in a few milliseconds."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._joined = _BETWEEN.join(text.replace(_BETWEEN, "\ufffd") for text in texts).casefold()
        lengths = np.fromiter((len(text) for text in self._joined.split(_BETWEEN)), np.int64, max(len(texts), 1))
        self._lengths: Ints = lengths[: len(texts)]
        self._starts: Ints = np.cumsum(self._lengths + 1) - self._lengths - 1

    def ranks(self, word: str) -> Ranks:
        """Return how well each text fits a casefolded word: is it, begins with it, holds it."""
        ranks = np.full(len(self._starts), NOT, dtype=np.int8)
        if not word:
            return np.minimum(ranks, START)
        at = np.fromiter(self._places(word), np.int64)
        texts = np.searchsorted(self._starts, at, side="right") - 1
        at -= self._starts[texts]
        is_all = (at == 0) & (self._lengths[texts] == len(word))
        # One text may hold it several times; the first place is the best.
        ranks[texts[::-1]] = np.where(is_all, EXACT, np.where(at == 0, START, WITHIN))[::-1]
        return ranks

    def holding(self, word: str) -> Iterator[int]:
        """Go through the positions of texts that hold a casefolded word, in order."""
        last = -1
        for place in self._places(word):
            position = int(np.searchsorted(self._starts, place, side="right")) - 1
            if position != last:
                yield position
            last = position

    def _places(self, word: str) -> Iterator[int]:
        """Go through where a word begins; of places that overlap, to the first."""
        if _BETWEEN in word or not len(self._starts):
            return
        place = self._joined.find(word)
        while place >= 0:
            yield place
            place = self._joined.find(word, place + max(len(word), 1))
