/** Where the view looks: screen = scene · k + (tx, ty), all in CSS pixels. Cameras are plain values. */

export const MIN_ZOOM = 0.001;
export const MAX_ZOOM = 4;
const MARGIN = 28;
/** Room for the toolbar above the graph. */
const TOP = 56;
const READABLE = 0.72;

/** Zoom by `factor` and keep the scene under the screen point where it is. */
export function zoomAt(camera, x, y, factor) {
  const k = clamp(camera.k * factor, MIN_ZOOM, MAX_ZOOM);
  const scale = k / camera.k;
  return { k, tx: x - (x - camera.tx) * scale, ty: y - (y - camera.ty) * scale };
}

/** Show the whole rectangle (scene coordinates) in a view of `width` × `height`. */
export function fit(rect, width, height) {
  const k = clamp(
    Math.min((width - 2 * MARGIN) / Math.max(rect.w, 1), (height - TOP - MARGIN) / Math.max(rect.h, 1), 1.25),
    MIN_ZOOM,
    MAX_ZOOM,
  );
  const middle = TOP + (height - TOP - MARGIN) / 2;
  return { k, tx: width / 2 - (rect.x + rect.w / 2) * k, ty: middle - (rect.y + rect.h / 2) * k };
}

/**
 * The camera to open a scene with: all of it when that is readable, else readable and at its beginning.
 * @param {{x, y, w, h}} rect the scene
 * @param {{x, y}} entry where the graph begins (scene coordinates)
 */
export function opening(rect, entry, width, height, down) {
  const whole = fit(rect, width, height);
  if (whole.k >= READABLE) return whole;
  const across = down ? (width - 2 * MARGIN) / rect.w : (height - TOP - MARGIN) / rect.h;
  const k = clamp(across, READABLE, 1);
  const fits = across >= k;
  const x = fits ? rect.x + rect.w / 2 : entry.x;
  const y = fits ? rect.y + rect.h / 2 : entry.y;
  return down
    ? { k, tx: width / 2 - x * k, ty: TOP - rect.y * k }
    : { k, tx: MARGIN - rect.x * k, ty: (height + TOP) / 2 - y * k };
}

/** Bring a rectangle to the middle, at a zoom at which it can be read. */
export function centre(camera, rect, width, height) {
  const largest = Math.min((width - 2 * MARGIN) / rect.w, (height - 2 * MARGIN) / rect.h);
  const k = clamp(Math.min(Math.max(camera.k, 0.85), largest), MIN_ZOOM, MAX_ZOOM);
  return { k, tx: width / 2 - (rect.x + rect.w / 2) * k, ty: height / 2 - (rect.y + rect.h / 2) * k };
}

/** Tell whether a rectangle (scene coordinates) lies well inside the view and is large enough to be read. */
export function shows(camera, rect, width, height) {
  const x = rect.x * camera.k + camera.tx;
  const y = rect.y * camera.k + camera.ty;
  const inside = x > 0 && y > 40 && x + rect.w * camera.k < width && y + rect.h * camera.k < height;
  return inside && camera.k > 0.3;
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
