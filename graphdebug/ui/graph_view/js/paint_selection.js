/** Draws what is marked: outlines of selected boxes, the part between the ends of a cut, and flags at those ends. */
import { Detail, paintRing } from "./paint_boxes.js";
import { middles, trace } from "./routes.js";

/** Flags drawn at once: a cut has few ends, a hostile one may have many. */
const MOST_FLAGS = 400;
const WORDS = { from: "from here", to: "to here" };

/**
 * @param {CanvasRenderingContext2D} ctx in scene coordinates
 * @param {number[]} leaves boxes in view
 * @param {{boxes: Set<number>, edges: number[], part: Set<number>}} marked see selection.js
 * @param {(box: number) => number} radiusOf
 */
export function paintMarked(ctx, scene, leaves, marked, rectOf, radiusOf, theme, k) {
  if (marked.part.size) {
    ctx.fillStyle = theme.part;
    for (const box of leaves) if (marked.part.has(box)) fill(ctx, rectOf(box), radiusOf(box), 4);
  }
  if (marked.edges.length) {
    ctx.strokeStyle = theme.accent;
    ctx.lineWidth = Math.max(2.2, 1.6 / k);
    ctx.beginPath();
    for (const edge of marked.edges) trace(ctx, scene, edge, true);
    ctx.stroke();
  }
  const selected = leaves.filter((box) => marked.boxes.has(box));
  if (k >= Detail.SHAPE) {
    for (const box of selected) paintRing(ctx, rectOf(box), radiusOf(box), theme.accent, theme.halo, k);
    return;
  }
  // From afar a ring would be larger than its box.
  ctx.fillStyle = theme.accent;
  ctx.beginPath();
  for (const box of selected) {
    const { x, y, w, h } = rectOf(box);
    ctx.rect(x, y, w, h);
  }
  ctx.fill();
}

/** Draw a flag at each end of the cut: where its value leaves the box that makes it, or on its line. */
export function paintFlags(ctx, scene, marked, rectOf, theme, k) {
  for (const { end, edges, box } of marked.flags.slice(0, MOST_FLAGS)) {
    const place = edges.length ? onEdge(scene, edges[0]) : box >= 0 ? below(scene, rectOf(box)) : null;
    if (place) flag(ctx, place, WORDS[end], end === "from" ? theme.upstream : theme.downstream, theme, k);
  }
}

function onEdge(scene, edge) {
  const [longest] = middles(scene, edge);
  const p = 2 * scene.start[edge];
  return longest ?? { x: scene.points[p], y: scene.points[p + 1] };
}

function below(scene, { x, y, w, h }) {
  return scene.down ? { x: x + w / 2, y: y + h } : { x: x + w, y: y + h / 2 };
}

/** A pole with a pennant; at least as large as can be seen from any height. */
function flag(ctx, { x, y }, text, color, theme, k) {
  const size = Math.max(1, 0.75 / k);
  const [h, w] = [15 * size, k > 0.3 ? 0 : 12 * size];
  ctx.font = `650 ${9.5 * size}px ${theme.font}`;
  const width = w || ctx.measureText(text).width + 9 * size;
  ctx.lineWidth = 1.8 * size;
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.arc(x, y, 2.8 * size, 0, 2 * Math.PI);
  ctx.fill();
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x, y - 1.6 * h);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(x, y - 1.6 * h);
  ctx.lineTo(x + width, y - 1.6 * h);
  ctx.lineTo(x + width - (w ? width : 3.5 * size), y - 1.1 * h);
  ctx.lineTo(x + width, y - 0.6 * h);
  ctx.lineTo(x, y - 0.6 * h);
  ctx.closePath();
  ctx.fill();
  if (w) return;
  ctx.fillStyle = theme.background;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillText(text, x + 3.5 * size, y - 1.08 * h);
}

function fill(ctx, { x, y, w, h }, radius, by) {
  ctx.beginPath();
  ctx.roundRect(x - by, y - by, w + 2 * by, h + 2 * by, radius + by);
  ctx.fill();
}
