/** The same graph after an edit. Edits number nodes anew, so a node is known by the first value that it makes. */
import { Kind } from "./scene.js";

/** For each box of a scene, which box of the scene before the edit it was; -1: none. */
export function boxesBefore(old, scene) {
  const known = new Map(keys(old).map((key, box) => [key, box]));
  return Int32Array.from(keys(scene), (key) => known.get(key) ?? -1);
}

/** The box that shall stay where it is: `wanted` if it was there before, else what was nearest to the middle of the screen. */
export function nearest(stage, old, was, wanted) {
  if (was[wanted] >= 0) return wanted;
  const { k, tx, ty } = stage.camera;
  const [x, y] = [(stage.width / 2 - tx) / k, (stage.height / 2 - ty) / k];
  let [best, least] = [-1, Infinity];
  was.forEach((before, box) => {
    if (before < 0 || old.kind[before] === Kind.FRAME) return;
    const rect = old.rectOf(before);
    const distance = Math.hypot(rect.x + rect.w / 2 - x, rect.y + rect.h / 2 - y);
    if (distance < least) [best, least] = [box, distance];
  });
  return best;
}

function keys(scene) {
  const made = new Map();
  for (let e = scene.edges - 1; e >= 0; e--) made.set(scene.ends[2 * e], scene.value[e]);
  return Array.from({ length: scene.boxes }, (_, box) =>
    scene.kind[box] === Kind.NODE && made.has(box) ? `v:${scene.text(made.get(box))}` : scene.idOf(box));
}
