/** Where the view looks: screen = scene · k + (tx, ty), all in CSS pixels. Cameras are plain values. */

export const MIN_ZOOM = 0.001;
export const MAX_ZOOM = 4;
const READABLE = 0.66;
/** Pixels by which something may stand in a margin and still count as in view. */
const SLACK = 20;

/**
 * @typedef {Object} Room the part of the view, in CSS pixels, over which nothing stands: no toolbar, no legend
 * @property {number} left
 * @property {number} top
 * @property {number} right
 * @property {number} bottom
 */

/** Zoom by `factor` and keep the scene under the screen point where it is. */
export function zoomAt(camera, x, y, factor) {
  const k = clamp(camera.k * factor, MIN_ZOOM, MAX_ZOOM);
  const scale = k / camera.k;
  return { k, tx: x - (x - camera.tx) * scale, ty: y - (y - camera.ty) * scale };
}

/** Show the whole rectangle (scene coordinates) in the room there is. */
export function fit(rect, room) {
  const across = (room.right - room.left) / Math.max(rect.w, 1);
  const along = (room.bottom - room.top) / Math.max(rect.h, 1);
  return middle(rect, room, clamp(Math.min(across, along, 1.25), MIN_ZOOM, MAX_ZOOM));
}

/**
 * The camera to open a scene with: all of it when that is readable, else readable and at its beginning.
 * @param {{x, y, w, h}} rect the scene
 * @param {{x, y}} entry where the graph begins (scene coordinates)
 */
export function opening(rect, entry, room, down) {
  const whole = fit(rect, room);
  if (whole.k >= READABLE) return whole;
  const across = down ? (room.right - room.left) / rect.w : (room.bottom - room.top) / rect.h;
  const k = clamp(across, READABLE, 1);
  const fits = across >= k;
  if (down) {
    const x = fits ? rect.x + rect.w / 2 : within(rect.x, rect.w, entry.x, (room.right - room.left) / k);
    const y = beginning(rect.y, rect.h, entry.y, (room.bottom - room.top) / k);
    return { k, tx: (room.left + room.right) / 2 - x * k, ty: room.top - y * k };
  }
  const x = beginning(rect.x, rect.w, entry.x, (room.right - room.left) / k);
  const y = fits ? rect.y + rect.h / 2 : within(rect.y, rect.h, entry.y, (room.bottom - room.top) / k);
  return { k, tx: room.left - x * k, ty: (room.top + room.bottom) / 2 - y * k };
}

/** What stands in the middle when `seen` of the scene shows: where the graph begins, but nothing beyond the scene's edges. */
function within(edge, length, entry, seen) {
  return clamp(entry, edge + seen / 2, edge + length - seen / 2);
}

/** The scene's edge, unless the graph begins farther on than the `seen` part from there shows: then a little before it. */
function beginning(edge, length, entry, seen) {
  return entry - edge < 0.8 * seen ? edge : Math.min(entry - 0.2 * seen, edge + length - seen);
}

/** Bring a rectangle to the middle, at a zoom at which it can be read. */
export function centre(camera, rect, room) {
  const largest = Math.min((room.right - room.left) / rect.w, (room.bottom - room.top) / rect.h);
  return middle(rect, room, clamp(Math.min(Math.max(camera.k, 0.85), largest), MIN_ZOOM, MAX_ZOOM));
}

/** Tell whether a rectangle (scene coordinates) lies in the room and is large enough to be read. */
export function shows(camera, rect, room) {
  const x = rect.x * camera.k + camera.tx;
  const y = rect.y * camera.k + camera.ty;
  const across = x >= room.left - SLACK && x + rect.w * camera.k <= room.right + SLACK;
  const along = y >= room.top - SLACK && y + rect.h * camera.k <= room.bottom + SLACK;
  return across && along && camera.k > 0.3;
}

function middle(rect, room, k) {
  const [x, y] = [(room.left + room.right) / 2, (room.top + room.bottom) / 2];
  return { k, tx: x - (rect.x + rect.w / 2) * k, ty: y - (rect.y + rect.h / 2) * k };
}

/** The part of the scene that a view of `width` × `height` shows. */
export function visible(camera, width, height) {
  return { x: -camera.tx / camera.k, y: -camera.ty / camera.k, w: width / camera.k, h: height / camera.k };
}

/** A camera between two, `t` in [0, 1]; zoom is interpolated by ratio, so that it feels even. */
export function between(from, to, t) {
  const k = from.k * (to.k / from.k) ** t;
  const share = Math.abs(to.k - from.k) < 1e-6 ? t : (k - from.k) / (to.k - from.k);
  return { k, tx: from.tx + (to.tx - from.tx) * share, ty: from.ty + (to.ty - from.ty) * share };
}

export function ease(t) {
  return t < 0.5 ? 4 * t * t * t : 1 - (-2 * t + 2) ** 3 / 2;
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
