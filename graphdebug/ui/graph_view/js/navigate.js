/** Walking through the scene with the arrow keys. */
import { Kind } from "./scene.js";

/**
 * @param {number} box where one stands, -1: nowhere yet
 * @param {"forward"|"backward"|"left"|"right"} way along the edges, or to a neighbour beside
 * @returns {number} the box to go to, -1: there is none
 */
export function step(scene, box, way) {
  if (box < 0) return entrance(scene);
  if (way === "forward" || way === "backward") return along(scene, box, way === "forward");
  return beside(scene, box, way === "right");
}

/** The box at which reading begins: the first input, else the first box of the scene. */
export function entrance(scene) {
  let best = -1;
  for (let b = 0; b < scene.boxes; b++) {
    if (scene.kind[b] === Kind.FRAME) continue;
    if (best < 0 || rank(scene, b) < rank(scene, best)) best = b;
  }
  return best;
}

function rank(scene, box) {
  const { x, y } = scene.rectOf(box);
  return (scene.down ? y : x) + (scene.kind[box] === Kind.INPUT ? -1e6 : 0);
}

function along(scene, box, forward) {
  const { incoming, outgoing } = scene.edgesAt(box);
  const ends = (forward ? outgoing : incoming).map((e) => scene.ends[2 * e + (forward ? 1 : 0)]);
  return nearest(scene, box, ends.filter((b) => b !== box));
}

function beside(scene, box, after) {
  const here = middle(scene, box);
  const rect = scene.rectOf(box);
  const [low, high] = scene.down ? [rect.y, rect.y + rect.h] : [rect.x, rect.x + rect.w];
  const area = scene.down ? { x: -1e9, y: low, w: 2e9, h: high - low } : { x: low, y: -1e9, w: high - low, h: 2e9 };
  const candidates = scene.boxesIn(area).filter((b) => {
    if (b === box || scene.kind[b] === Kind.FRAME) return false;
    const there = middle(scene, b);
    return after ? there.across > here.across : there.across < here.across;
  });
  return nearest(scene, box, candidates);
}

function nearest(scene, box, candidates) {
  const here = middle(scene, box);
  let best = -1;
  let closest = Infinity;
  for (const other of candidates) {
    const there = middle(scene, other);
    const away = Math.abs(there.across - here.across) + 0.2 * Math.abs(there.along - here.along);
    if (away < closest) {
      closest = away;
      best = other;
    }
  }
  return best;
}

function middle(scene, box) {
  const { x, y, w, h } = scene.rectOf(box);
  const [cx, cy] = [x + w / 2, y + h / 2];
  return scene.down ? { across: cx, along: cy } : { across: cy, along: cx };
}
