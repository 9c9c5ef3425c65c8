/** The canvas and its camera: sizes, frames, movement. Knows nothing of what is painted. */
import { between, centre, ease, zoomAt } from "./camera.js";

const SETTLE = 130;
const GLIDE = 200;
const MARGIN = 30;
/** Between the toolbar and the graph. */
const BELOW_HEAD = 8;

export class Stage {
  /**
   * @param {HTMLElement} host its size is the canvas's
   * @param {HTMLCanvasElement} canvas
   * @param {(size: {width, height, ratio}, camera: Object, stale: boolean) => void} draw not `stale`: see invalidate
   * @param {() => void} settled called when the camera came to rest
   */
  constructor(host, canvas, draw, settled) {
    this.host = host;
    this.canvas = canvas;
    this.draw = draw;
    this.settled = settled;
    this.camera = { k: 1, tx: 0, ty: 0 };
    this.moving = false;
    /** The toolbar over the graph. */
    this.head = null;
    /** Heights of what stands at the foot of the view: a legend, the bar of the selection. */
    this.foot = 0;
    this.bar = 0;
    this.motions = new Set();
    /** The camera's own motion among them. */
    this.flight = null;
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(host);
    this.#resize();
  }

  /** Whether the camera is on its way. */
  get travelling() {
    return this.moving || this.motions.has(this.flight);
  }

  get width() {
    return this.host.clientWidth || 800;
  }

  get height() {
    return this.host.clientHeight || 600;
  }

  /** Where the graph can be seen and nothing covers it. */
  get room() {
    const { width, height, head, foot, bar } = this;
    const top = head ? head.offsetTop + head.offsetHeight + BELOW_HEAD : MARGIN;
    return { left: MARGIN, top, right: width - MARGIN, bottom: height - MARGIN - foot - bar };
  }

  /** Bring a point of the scene to the middle. */
  look(x, y) {
    const { k, tx, ty } = this.camera;
    this.pan(this.width / 2 - (x * k + tx), this.height / 2 - (y * k + ty));
  }

  /** Bring a rectangle of the scene to the middle, large enough to be read. */
  centre(rect) {
    this.glide(centre(this.camera, rect, this.room));
  }

  pan(dx, dy) {
    const { k, tx, ty } = this.camera;
    this.#move({ k, tx: tx + dx, ty: ty + dy });
  }

  zoom(x, y, factor) {
    this.#move(zoomAt(this.camera, x, y, factor));
  }

  /** Be there at once. */
  jump(camera) {
    this.#land();
    this.camera = camera;
    this.invalidate();
  }

  /** Go there in a moment. */
  glide(camera) {
    const from = this.camera;
    this.#land();
    this.flight = this.animate((t) => {
      this.camera = between(from, camera, t);
    });
  }

  /** Call `motion(t)` every frame with t from 0 to 1, eased; at once when motion is unwelcome. Returns what is under way. */
  animate(motion) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      motion(1);
      this.#rest();
      return null;
    }
    const entry = { motion, begin: performance.now() };
    this.motions.add(entry);
    this.invalidate();
    return entry;
  }

  /** Paint soon; `hovering`: nothing is new but what lies under the pointer. */
  invalidate(hovering = false) {
    this.stale ||= !hovering;
    this.frame ??= requestAnimationFrame((now) => this.#frame(now));
  }

  stop() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.resting);
    this.observer.disconnect();
  }

  /** The camera stops where it is; boxes that travel go on. */
  #land() {
    this.motions.delete(this.flight);
  }

  #move(camera) {
    this.#land();
    this.camera = camera;
    this.moving = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.#rest(), SETTLE);
    this.invalidate();
  }

  #rest() {
    this.moving = false;
    this.settled();
    this.invalidate();
  }

  #frame(now) {
    this.frame = null;
    const running = this.motions.size > 0;
    for (const entry of this.motions) {
      const t = Math.min(1, Math.max(0, now - entry.begin) / GLIDE);
      entry.motion(t < 1 ? ease(t) : 1);
      if (t >= 1) this.motions.delete(entry);
    }
    const { stale } = this;
    this.stale = false;
    this.draw({ width: this.width, height: this.height, ratio: this.ratio }, this.camera, stale);
    if (this.motions.size) this.invalidate();
    else if (running) this.settled();
  }

  #resize() {
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.invalidate();
  }
}
