"""Many texts searched at once, against looking at them one by one."""

import random

import pytest

from graphdebug.view.texts import EXACT, NOT, START, WITHIN, Texts


def one_by_one(text: str, word: str) -> int:
    text = text.casefold()
    return EXACT if text == word else START if text.startswith(word) else WITHIN if word in text else NOT


@pytest.mark.parametrize("seed", range(20))
def test_ranks_and_positions(seed: int) -> None:
    chance = random.Random(seed)
    texts = ["".join(chance.choices("aAbß.", k=chance.randrange(6))) for _ in range(chance.randrange(40))]
    found = Texts(texts)
    for word in ("a", "ab", "aa", "aaa", "ss", "b.", "", *(text.casefold() for text in texts[:5])):
        ranks = found.ranks(word).tolist()
        if word:
            assert ranks == [one_by_one(text, word) for text in texts]
        else:
            assert set(ranks) <= {START}
        assert list(found.holding(word)) == [place for place, text in enumerate(texts) if word in text.casefold()]


def test_texts_do_not_run_into_each_other() -> None:
    found = Texts(["a\0b", "c", "", "d"])
    assert found.ranks("b\0c").tolist() == found.ranks("\0").tolist() == [NOT] * 4
    assert found.ranks("b").tolist() == [WITHIN, NOT, NOT, NOT]
    assert found.ranks("bc").tolist() == [NOT] * 4
