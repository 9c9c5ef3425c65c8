/** Mouse, pen, touch and wheel on the canvas, turned into a few plain calls. */

const CLICK_SLACK = 4;
/** A finger is less exact than a mouse. */
const TOUCH_SLACK = 9;
const LONG_PRESS = 500;
/** Milliseconds without an event after which another wheel, or trackpad, may be at work. */
const SAME_GESTURE = 160;
const NOTCH = 120;

/**
 * @param {HTMLElement} target
 * @param {Object} on
 * @param {(dx: number, dy: number) => void} on.pan
 * @param {(x: number, y: number, factor: number) => void} on.zoom
 * @param {(x: number, y: number, shift: boolean) => void} on.click
 * @param {(x: number, y: number) => void} on.doubleClick
 * @param {(x: number, y: number) => void} on.hover
 * @param {() => void} on.leave
 * @param {() => boolean} on.bands whether the next drag is a rubber band without shift, too
 * @param {(area: ?{x, y, w, h}, done: boolean) => void} on.band the rubber band; null: given up
 * @param {(x: number, y: number) => void} on.menu right button or a long press
 */
export function listen(target, on) {
  const pointers = new Map();
  /** What the fingers or buttons that are down have done so far. */
  let press = { travelled: 0, from: [0, 0], band: false, many: false, held: false };
  let holding = 0;
  const place = (event) => {
    const frame = target.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };

  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    target.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    clearTimeout(holding);
    if (pointers.size > 1) {
      press.many = true;
      return;
    }
    press = { travelled: 0, from: place(event), band: event.shiftKey || on.bands(), many: false, held: false };
    if (event.pointerType === "mouse") return;
    holding = setTimeout(() => {
      press.held = true;
      on.menu(...press.from);
    }, LONG_PRESS);
  });

  target.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      on.hover(x, y);
      return;
    }
    pointers.set(event.pointerId, [x, y]);
    press.travelled += Math.hypot(x - before[0], y - before[1]);
    if (press.held || press.travelled <= (event.pointerType === "mouse" ? CLICK_SLACK : TOUCH_SLACK)) return;
    clearTimeout(holding);
    if (press.band) on.band(spanned(press.from, [x, y]), false);
    else if (pointers.size === 2) twoFingers(pointers, event.pointerId, before, on);
    else on.pan(x - before[0], y - before[1]);
  });

  const lift = (event) => {
    clearTimeout(holding);
    if (!pointers.delete(event.pointerId) || pointers.size || press.held) return;
    const still = press.travelled <= (event.pointerType === "mouse" ? CLICK_SLACK : TOUCH_SLACK);
    if (press.band && !still) on.band(event.type === "pointerup" ? spanned(press.from, place(event)) : null, true);
    else if (still && !press.many && event.type === "pointerup") on.click(...place(event), press.band);
  };
  target.addEventListener("pointerup", lift);
  target.addEventListener("pointercancel", lift);
  // A finger that opened the menu shall not be taken for a mouse when it is lifted: that closed the menu.
  target.addEventListener("touchend", (event) => press.held && event.preventDefault());
  target.addEventListener("pointerleave", () => on.leave());
  target.addEventListener("dblclick", (event) => event.shiftKey || on.doubleClick(...place(event)));
  target.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    if (event.pointerType !== "touch") on.menu(...place(event));
  });

  let wheel = { at: -Infinity, isMouse: true };
  target.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const sameGesture = event.timeStamp - wheel.at < SAME_GESTURE;
      wheel = { at: event.timeStamp, isMouse: sameGesture ? wheel.isMouse : isMouseWheel(event) };
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      if (event.shiftKey && !event.ctrlKey) on.pan(-(event.deltaX || event.deltaY) * unit, 0);
      else if (event.ctrlKey || wheel.isMouse) {
        // A pinch on a trackpad arrives as a wheel with ctrl and small steps.
        const speed = event.ctrlKey ? 0.01 : 0.0016;
        const step = Math.max(-120, Math.min(120, event.deltaY * unit));
        on.zoom(...place(event), Math.exp(-step * speed));
      } else on.pan(-event.deltaX * unit, -event.deltaY * unit);
    },
    { passive: false },
  );
}

/** A wheel turns in notches and one way only; two fingers on a trackpad move by any amount, and sideways, too. */
export function isMouseWheel({ deltaMode, deltaX, wheelDeltaY }) {
  return deltaMode !== 0 || (deltaX === 0 && (wheelDeltaY === undefined || wheelDeltaY % NOTCH === 0));
}

function spanned([x0, y0], [x1, y1]) {
  return { x: Math.min(x0, x1), y: Math.min(y0, y1), w: Math.abs(x1 - x0), h: Math.abs(y1 - y0) };
}

/** One of two fingers moved: what is between them follows their middle, and grows with their distance. */
function twoFingers(pointers, moved, before, on) {
  const [[, other]] = [...pointers].filter(([key]) => key !== moved);
  const now = pointers.get(moved);
  const old = Math.hypot(before[0] - other[0], before[1] - other[1]);
  const current = Math.hypot(now[0] - other[0], now[1] - other[1]);
  on.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  if (old > 0) on.zoom((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, current / old);
}
