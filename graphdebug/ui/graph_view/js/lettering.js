/** Text that fits: measured once, cut with an ellipsis. */

const cuts = new Map();
const CACHE = 20000;

/** Return `text` cut to `width` (in the units of `ctx`'s current font). */
export function cut(ctx, text, width) {
  const key = `${ctx.font}\u0000${Math.round(width)}\u0000${text}`;
  const known = cuts.get(key);
  if (known !== undefined) return known;
  if (cuts.size > CACHE) cuts.clear();
  const result = shorten(ctx, text, width);
  cuts.set(key, result);
  return result;
}

function shorten(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const half = (low + high + 1) >> 1;
    if (ctx.measureText(`${text.slice(0, half)}…`).width <= width) low = half;
    else high = half - 1;
  }
  return low ? `${text.slice(0, low)}…` : "";
}
