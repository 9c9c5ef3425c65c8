/** What lies under the pointer. */
import { toggleRect } from "./paint_boxes.js";
import { distance } from "./routes.js";
import { Kind } from "./scene.js";

const REACH = 6;
const TITLE = 28;

/**
 * @param {number} x @param {number} y scene coordinates
 * @param {number} k zoom: how far one can miss an edge is counted in screen pixels
 * @returns {{box: number, edge: number, toggle: boolean}} -1 where there is none
 */
export function hit(scene, x, y, k) {
  const under = scene.boxesIn({ x, y, w: 0, h: 0 });
  for (let i = under.length - 1; i >= 0; i--) {
    const box = under[i];
    if (scene.kind[box] === Kind.FRAME) continue;
    return { box, edge: -1, toggle: scene.kind[box] === Kind.GROUP && isOn(toggleRect(scene, box), x, y) };
  }
  const edge = nearestEdge(scene, x, y, REACH / k);
  if (edge >= 0) return { box: -1, edge, toggle: false };
  // A frame is chosen by its title; elsewhere its inside is as good as the empty canvas.
  for (let i = under.length - 1; i >= 0; i--) {
    const box = under[i];
    const rect = scene.rectOf(box);
    if (y - rect.y <= TITLE) return { box, edge: -1, toggle: isOn(toggleRect(scene, box), x, y) };
  }
  return { box: -1, edge: -1, toggle: false };
}

function nearestEdge(scene, x, y, reach) {
  const near = scene.edgesIn({ x: x - reach, y: y - reach, w: 2 * reach, h: 2 * reach });
  let best = -1;
  let closest = reach;
  for (const edge of near) {
    const away = distance(scene, edge, x, y);
    if (away < closest) {
      closest = away;
      best = edge;
    }
  }
  return best;
}

function isOn(rect, x, y) {
  return x >= rect.x - 3 && x <= rect.x + rect.w + 3 && y >= rect.y - 3 && y <= rect.y + rect.h + 3;
}
