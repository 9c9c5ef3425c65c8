/** Which box of one graph stands for which of another (api/matches.py), looked up from either side (0: left, 1: right). */

export class Mates {
  /** @param {Object} found {runs, others, groups, differences, …}, as the server answers */
  constructor(found) {
    this.found = found;
    const [left, right] = [found.runs, [...found.runs].sort((a, b) => a[1] - b[1])];
    this.runs = [left, right];
    this.others = [0, 1].map((side) => new Map(found.others.flatMap((match) => match[side].map((id) => [id, match]))));
    this.numbers = ["left", "right"].map(
      (side) => new Map(found.differences.flatMap((difference, number) => difference[side].map((id) => [id, number]))),
    );
  }

  /** Ids of what stands for `id` on the other side. */
  of(side, id) {
    if (id.startsWith("s:")) return [this.found.groups[side][id] ?? id].filter(Boolean);
    const match = this.others[side].get(id);
    if (match) return match[1 - side];
    const run = id.startsWith("n:") ? this.#run(side, Number(id.slice(2))) : null;
    return run ? [`n:${Number(id.slice(2)) - run[side] + run[1 - side]}`] : [];
  }

  /** Ids of all on its own side that belong together with `id`, itself among them. */
  company(side, id) {
    return this.others[side].get(id)?.[side] ?? [id];
  }

  /** A group's id and those of the groups around it. */
  around(side, id) {
    const found = [];
    for (let group = id; group && !found.includes(group); group = this.found.parents[side][group] ?? group.slice(0, Math.max(0, group.lastIndexOf("/")))) found.push(group);
    return found;
  }

  /** The number of the difference that a box is part of; -1: none. */
  difference(side, id) {
    return this.numbers[side].get(id) ?? -1;
  }

  /** The run [left, right, count] that holds a node, found by halving. */
  #run(side, node) {
    const runs = this.runs[side];
    let [low, high] = [0, runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (runs[middle][side] <= node) low = middle + 1;
      else high = middle;
    }
    const run = runs[low - 1];
    return run && node < run[side] + run[2] ? run : null;
  }
}
