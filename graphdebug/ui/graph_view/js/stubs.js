/** Stubs: small boxes that stand for the far ends of lines too long to follow. A click goes there. */
import { Kind } from "./scene.js";

/** The ids of the boxes at the other ends of what a stub stands for; of very many, the first. */
export function farEnds(id) {
  return id.slice(id.indexOf(">") + 1).split(",").filter(Boolean).map(decodeURIComponent);
}

/** Go to the box at the other end of a stub; if there are several, ask to which. */
export function follow(view, stub) {
  const { scene } = view;
  const ends = farEnds(scene.idOf(stub));
  const go = (id) => view.reveal(view.graph, id);
  if (ends.length === 1) go(ends[0]);
  if (ends.length < 2) return;
  const more = scene.count[stub] - ends.length;
  const entries = ends.map((id) => ({ label: nameOf(scene, id), run: () => go(id) }));
  if (more > 0) entries.push(null, { label: `and ${more.toLocaleString("en")} more` });
  const { k, tx, ty } = view.stage.camera;
  const { x, y, h } = scene.rectOf(stub);
  view.menu.open(entries, x * k + tx, (y + h) * k + ty + 4);
}

/** What to call a box: the frames around it, then what is written on it. */
function nameOf(scene, id) {
  const box = scene.boxOf(id);
  if (box < 0) return id;
  const parts = [[scene.text(scene.op[box]), scene.text(scene.label[box])].filter(Boolean).join(" ")];
  for (let frame = scene.parent[box]; frame >= 0; frame = scene.parent[frame]) {
    if (scene.kind[frame] === Kind.FRAME) parts.unshift(scene.text(scene.label[frame]));
  }
  return parts.join(" › ");
}
