"""Numbers that belong together, and the order in which groups of them can come."""

from collections.abc import Collection, Mapping
from heapq import heapify, heappop, heappush


class Joined:
    """Numbers that belong together: joining two joins all that they were joined with (disjoint sets)."""

    def __init__(self) -> None:
        """Join nothing yet."""
        self._above: dict[int, int] = {}

    def of(self, number: int) -> int:
        """Return the one that stands for all that ``number`` is joined with."""
        while (above := self._above.get(number, number)) != number:
            self._above[number] = number = self._above.get(above, above)
        return number

    def join(self, one: int, other: int) -> None:
        """Let two belong together; the smaller one stands for both."""
        low, high = sorted((self.of(one), self.of(other)))
        self._above[high] = low


def sorted_groups(before: Mapping[int, Collection[int]]) -> list[int]:
    """Return numbers so that each comes after those that are ``before`` it, and else in ascending order."""
    missing = {number: len(earlier) for number, earlier in before.items()}
    behind: dict[int, list[int]] = {number: [] for number in before}
    for number, earlier in before.items():
        for each in earlier:
            behind[each].append(number)
    ready = [number for number, count in missing.items() if not count]
    heapify(ready)
    found = []
    while ready:
        found.append(heappop(ready))
        for number in behind[found[-1]]:
            missing[number] -= 1
            if not missing[number]:
                heappush(ready, number)
    return found


def on_cycles(before: Mapping[int, Collection[int]]) -> list[list[int]]:
    """Return the groups of numbers that are before each other, those of one number left out.

    They are the strongly connected components (Kosaraju's algorithm: M. Sharir, "A strong-connectivity algorithm and
    its applications in data flow analysis", 1981).
    """
    behind: dict[int, list[int]] = {number: [] for number in before}
    for number, earlier in before.items():
        for each in earlier:
            behind[each].append(number)
    found: list[list[int]] = []
    seen: set[int] = set()
    for root in reversed(_finished(before)):
        group, waiting = [], [root]
        while waiting:
            number = waiting.pop()
            if number not in seen:
                seen.add(number)
                group.append(number)
                waiting += behind[number]
        if len(group) > 1:
            found.append(group)
    return found


def _finished(before: Mapping[int, Collection[int]]) -> list[int]:
    """Return numbers in the order in which a walk in depth from each to those before it comes to its end."""
    found: list[int] = []
    seen: set[int] = set()
    for root in before:
        ways = [] if root in seen else [(root, iter(before[root]))]
        seen.add(root)
        while ways:
            number, others = ways[-1]
            following = next((each for each in others if each not in seen), None)
            if following is None:
                found.append(number)
                ways.pop()
            else:
                seen.add(following)
                ways.append((following, iter(before[following])))
    return found
