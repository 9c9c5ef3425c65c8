/** The shape of an edge: between two points of its route it leaves and arrives along the direction of the graph. */

const STEPS = 8;
/** Radius of the corner between two straight parts. */
const BEND = 8;

/** Add an edge to the current path of `ctx`; `curved` false draws the bare polyline. */
export function trace(ctx, scene, edge, curved) {
  const { points, down } = scene;
  const first = scene.start[edge];
  const last = scene.start[edge + 1] - 1;
  if (last < first) return;
  let x0 = points[2 * first];
  let y0 = points[2 * first + 1];
  ctx.moveTo(x0, y0);
  for (let p = first + 1; p <= last; p++) {
    const x1 = points[2 * p];
    const y1 = points[2 * p + 1];
    if (curved && p < last && isCorner(x0, y0, x1, y1, points[2 * p + 2], points[2 * p + 3])) {
      const [x2, y2] = [points[2 * p + 2], points[2 * p + 3]];
      const room = Math.min(Math.abs(x1 - x0) + Math.abs(y1 - y0), Math.abs(x2 - x1) + Math.abs(y2 - y1)) / 2;
      ctx.arcTo(x1, y1, x2, y2, Math.min(BEND, room));
    } else if (!curved || isStraight(x0, y0, x1, y1)) ctx.lineTo(x1, y1);
    else if (down) ctx.bezierCurveTo(x0, (y0 + y1) / 2, x1, (y0 + y1) / 2, x1, y1);
    else ctx.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1);
    x0 = x1;
    y0 = y1;
  }
}

/** Distance of a point (scene coordinates) to the drawn edge. */
export function distance(scene, edge, x, y) {
  const { points, down } = scene;
  let best = Infinity;
  for (let p = scene.start[edge]; p < scene.start[edge + 1] - 1; p++) {
    const [x0, y0, x1, y1] = [points[2 * p], points[2 * p + 1], points[2 * p + 2], points[2 * p + 3]];
    if (isStraight(x0, y0, x1, y1)) {
      best = Math.min(best, toSegment(x, y, x0, y0, x1, y1));
      continue;
    }
    let [px, py] = [x0, y0];
    for (let step = 1; step <= STEPS; step++) {
      const [qx, qy] = bezierAt(step / STEPS, x0, y0, x1, y1, down);
      best = Math.min(best, toSegment(x, y, px, py, qx, qy));
      [px, py] = [qx, qy];
    }
  }
  return best;
}

/**
 * Points where an edge's label may go, best first: the middles of the route's parts, from the longest down.
 * `run` is how far a part runs from left to right.
 */
export function middles(scene, edge) {
  const parts = [];
  for (let p = scene.start[edge]; p < scene.start[edge + 1] - 1; p++) {
    const [x0, y0, x1, y1] = scene.points.subarray(2 * p, 2 * p + 4);
    parts.push({ x: (x0 + x1) / 2, y: (y0 + y1) / 2, run: Math.abs(x1 - x0), length: Math.hypot(x1 - x0, y1 - y0) });
  }
  return parts.sort((a, b) => b.length - a.length);
}

function isStraight(x0, y0, x1, y1) {
  return Math.abs(x1 - x0) < 0.5 || Math.abs(y1 - y0) < 0.5;
}

function isCorner(x0, y0, x1, y1, x2, y2) {
  return isStraight(x0, y0, x1, y1) && isStraight(x1, y1, x2, y2) && Math.abs(x1 - x0) < 0.5 !== Math.abs(x2 - x1) < 0.5;
}

function bezierAt(t, x0, y0, x1, y1, down) {
  const s = 1 - t;
  const [a, b, c, d] = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
  const [mx, my] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return down
    ? [(a + b) * x0 + (c + d) * x1, a * y0 + (b + c) * my + d * y1]
    : [a * x0 + (b + c) * mx + d * x1, (a + b) * y0 + (c + d) * y1];
}

function toSegment(x, y, x0, y0, x1, y1) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const t = length ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length)) : 0;
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}
