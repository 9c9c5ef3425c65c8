/** Mouse, pen, touch and wheel on the canvas, turned into a few plain calls. */

const CLICK_SLACK = 4;

/**
 * @param {HTMLElement} target
 * @param {Object} on
 * @param {(dx: number, dy: number) => void} on.pan
 * @param {(x: number, y: number, factor: number) => void} on.zoom
 * @param {(x: number, y: number) => void} on.click
 * @param {(x: number, y: number) => void} on.doubleClick
 * @param {(x: number, y: number) => void} on.hover
 * @param {() => void} on.leave
 */
export function listen(target, on) {
  const pointers = new Map();
  let travelled = 0;
  const place = (event) => {
    const frame = target.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };

  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    target.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    travelled = 0;
  });

  target.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      on.hover(x, y);
      return;
    }
    pointers.set(event.pointerId, [x, y]);
    travelled += Math.hypot(x - before[0], y - before[1]);
    if (travelled <= CLICK_SLACK) return;
    if (pointers.size === 2) pinch(pointers, event.pointerId, before, on);
    else on.pan(x - before[0], y - before[1]);
  });

  const lift = (event) => {
    const known = pointers.delete(event.pointerId);
    if (known && event.type === "pointerup" && travelled <= CLICK_SLACK) on.click(...place(event));
  };
  target.addEventListener("pointerup", lift);
  target.addEventListener("pointercancel", lift);
  target.addEventListener("pointerleave", () => on.leave());
  target.addEventListener("dblclick", (event) => on.doubleClick(...place(event)));

  target.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      if (event.shiftKey && !event.ctrlKey) {
        on.pan(-(event.deltaX || event.deltaY) * unit, 0);
        return;
      }
      // A pinch on a trackpad arrives as a wheel with ctrl and small steps.
      const speed = event.ctrlKey ? 0.01 : 0.0016;
      const step = Math.max(-120, Math.min(120, event.deltaY * unit));
      on.zoom(...place(event), Math.exp(-step * speed));
    },
    { passive: false },
  );
}

function pinch(pointers, moved, before, on) {
  const [[id, other]] = [...pointers].filter(([key]) => key !== moved);
  const now = pointers.get(moved);
  const old = Math.hypot(before[0] - other[0], before[1] - other[1]);
  const current = Math.hypot(now[0] - other[0], now[1] - other[1]);
  if (id !== undefined && old > 0) on.zoom((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, current / old);
}
