/** Draws edges: one path for all plain ones, then those of the choice, then labels. */
import { cut } from "./lettering.js";
import { frameTitle } from "./paint_boxes.js";
import { middles, trace } from "./routes.js";
import { Kind } from "./scene.js";

/** More edges than this at once are drawn without curves, and while moving they are thinned out. */
const MANY = 2500;
const TOO_MANY = 9000;
const ARROW_FROM = 0.4;
const LABEL_FROM = 0.78;

/**
 * @param {CanvasRenderingContext2D} ctx in scene coordinates
 * @param {number[]} edges those in view
 * @param {Object} look see painter.js
 */
export function paintEdges(ctx, scene, edges, theme, look, k) {
  if (look.moving && edges.length > TOO_MANY) return;
  const curved = edges.length <= MANY && k > 0.12;
  ctx.lineJoin = "round";
  ctx.strokeStyle = k < 0.25 ? theme.edgeFar : theme.edge;
  strokeAll(ctx, scene, edges.filter((e) => scene.edgeCount[e] <= 1), Math.max(1, 0.6 / k), curved);
  const bundles = edges.filter((e) => scene.edgeCount[e] > 1);
  strokeAll(ctx, scene, bundles, Math.max(2, 1 / k), curved);
  if (k > ARROW_FROM && !(look.moving && edges.length > MANY)) {
    ctx.fillStyle = theme.edge;
    ctx.beginPath();
    for (const edge of edges) arrow(ctx, scene, edge, 5);
    ctx.fill();
  }
}

/** Draw the edges of the choice over everything else. */
export function paintChosenEdges(ctx, scene, chosen, theme, k) {
  const width = Math.max(2.2, 1.6 / k);
  for (const [edges, color] of [
    [chosen.incoming, theme.upstream],
    [chosen.outgoing, theme.downstream],
    [chosen.value, theme.accent],
  ]) {
    if (!edges?.length) continue;
    ctx.strokeStyle = color;
    ctx.fillStyle = color;
    strokeAll(ctx, scene, edges, width, true);
    ctx.beginPath();
    for (const edge of edges) arrow(ctx, scene, edge, Math.max(6.5, 4 / k));
    ctx.fill();
  }
}

/**
 * Write types on edges, once for each value that leaves a box, where there is room between boxes, the titles of `frames`
 * and other labels.
 */
export function paintEdgeLabels(ctx, scene, edges, frames, theme, k) {
  if (k < LABEL_FROM) return;
  const taken = frames.map((box) => frameTitle(ctx, scene, box, scene.rectOf(box), theme).place);
  ctx.font = `500 9.5px ${theme.font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const written = new Set();
  for (const edge of edges) {
    const label = scene.text(scene.edgeLabel[edge]);
    const key = `${scene.ends[2 * edge]}\u0000${label}`;
    if (!label || written.has(key)) continue;
    const text = cut(ctx, label, 150);
    const place = placeFor(scene, edge, ctx.measureText(text).width + 6, taken);
    if (!place) continue;
    written.add(key);
    taken.push(place);
    ctx.globalAlpha = 0.88;
    ctx.fillStyle = theme.background;
    ctx.fillRect(place.x, place.y, place.w, place.h);
    ctx.globalAlpha = 1;
    ctx.fillStyle = theme.muted;
    ctx.fillText(text, place.x + place.w / 2, place.y + place.h / 2 + 0.5);
  }
}

/** The first place along an edge where a label of this width covers no box and no other label; undefined: none. */
function placeFor(scene, edge, width, taken) {
  for (const { x, y, run } of middles(scene, edge)) {
    const place = { x: x - width / 2, y: y - 7, w: width, h: 14 };
    if (!scene.down && run < width) continue;
    if (taken.some((other) => overlaps(place, other))) continue;
    if (scene.boxesIn(place).every((box) => scene.kind[box] === Kind.FRAME)) return place;
  }
  return undefined;
}

function overlaps(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

function strokeAll(ctx, scene, edges, width, curved) {
  if (!edges.length) return;
  ctx.lineWidth = width;
  ctx.beginPath();
  for (const edge of edges) trace(ctx, scene, edge, curved);
  ctx.stroke();
}

function arrow(ctx, scene, edge, size) {
  const last = scene.start[edge + 1] - 1;
  if (last <= scene.start[edge]) return;
  const [x, y] = [scene.points[2 * last], scene.points[2 * last + 1]];
  const [px, py] = [scene.points[2 * last - 2], scene.points[2 * last - 1]];
  const half = size * 0.62;
  if (scene.down) {
    const sign = y >= py ? 1 : -1;
    triangle(ctx, x, y, x - half, y - sign * size, x + half, y - sign * size);
  } else {
    const sign = x >= px ? 1 : -1;
    triangle(ctx, x, y, x - sign * size, y - half, x - sign * size, y + half);
  }
}

/** Adds a triangle that is to be filled: filling closes it, and closePath() takes longer the longer the path already is. */
function triangle(ctx, ax, ay, bx, by, cx, cy) {
  ctx.moveTo(ax, ay);
  ctx.lineTo(bx, by);
  ctx.lineTo(cx, cy);
}
