/** The whole scene in a corner, with the part in view marked; a press there goes there. Shown when it helps. */
import { visible } from "./camera.js";
import { element } from "./dom.js";
import { paintFar } from "./paint_boxes.js";
import { Kind } from "./scene.js";

const LONGEST = { w: 170, h: 170 };
/** A side is not drawn thinner than this, however long the other one is. */
const THINNEST = 26;
/** The map is of use while less than this share of the scene is in view. */
const IN_VIEW = 0.6;

export class MiniMap {
  /** @param {(x: number, y: number) => void} go brings a point of the scene to the middle of the view */
  constructor(go) {
    this.element = element("canvas", { class: "map", "aria-hidden": "true", hidden: true });
    this.picture = document.createElement("canvas");
    const press = (event) => {
      if (!event.buttons || !this.scene) return;
      const [w, h] = this.scene.meta.size;
      const frame = this.element.getBoundingClientRect();
      go(((event.clientX - frame.left) / frame.width) * w, ((event.clientY - frame.top) / frame.height) * h);
    };
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      press(event);
    });
    this.element.addEventListener("pointermove", press);
  }

  /** Draw the map for this frame of the view. */
  draw(scene, camera, size, theme, look) {
    const [w, h] = scene.meta.size;
    const area = visible(camera, size.width, size.height);
    const shown = (share(area.x, area.w, w) * share(area.y, area.h, h)) < IN_VIEW;
    this.element.hidden = !shown || size.height < 4 * LONGEST.h * 0.75 || !scene.boxes;
    if (this.element.hidden) return;
    const stale = this.scene !== scene || this.theme !== theme || this.shades !== look.shades || this.light !== look.light;
    if (stale) this.#picture(scene, theme, look, size);
    const ctx = this.element.getContext("2d");
    const { width, height } = this.element;
    const [sx, sy] = [width / w, height / h];
    ctx.drawImage(this.picture, 0, 0);
    const box = clip({ x: area.x * sx, y: area.y * sy, w: area.w * sx, h: area.h * sy }, width, height, 4 * size.ratio);
    ctx.fillStyle = theme.halo;
    ctx.fillRect(box.x, box.y, box.w, box.h);
    ctx.lineWidth = 1.5 * size.ratio;
    ctx.strokeStyle = theme.accent;
    ctx.strokeRect(box.x, box.y, box.w, box.h);
  }

  /** Paint the scene once, small. */
  #picture(scene, theme, look, size) {
    Object.assign(this, { scene, theme, shades: look.shades, light: look.light });
    const [w, h] = scene.meta.size;
    const scale = Math.min(LONGEST.w / w, LONGEST.h / h);
    const css = { w: Math.max(THINNEST, w * scale), h: Math.max(THINNEST, h * scale) };
    for (const canvas of [this.element, this.picture]) {
      canvas.width = Math.round(css.w * size.ratio);
      canvas.height = Math.round(css.h * size.ratio);
    }
    this.element.style.width = `${css.w}px`;
    this.element.style.height = `${css.h}px`;
    const ctx = this.picture.getContext("2d", { alpha: false });
    ctx.fillStyle = theme.background;
    ctx.fillRect(0, 0, this.picture.width, this.picture.height);
    ctx.scale(this.picture.width / w, this.picture.height / h);
    const leaves = [];
    for (let b = 0; b < scene.boxes; b++) {
      if (scene.kind[b] !== Kind.FRAME) leaves.push(b);
      else {
        const rect = scene.rectOf(b);
        ctx.fillStyle = theme.frames[(scene.depth[b] + 1) % theme.frames.length];
        ctx.fillRect(rect.x, rect.y, rect.w, rect.h);
      }
    }
    const overlaid = look.shades.size > 0;
    const faded = { far: theme.faint };
    const shadeOf = (b) => {
      if (look.light && !look.light.lit[b]) return faded;
      return overlaid ? (look.shades.get(scene.idOf(b)) ?? theme.neutral) : null;
    };
    // What stands out comes last: it must not lie under what is faded.
    if (look.light) leaves.sort((a, b) => look.light.lit[a] - look.light.lit[b]);
    paintFar(ctx, scene, leaves, theme, shadeOf);
  }
}

/** How much of [0, length] lies in [from, from + extent]. */
function share(from, extent, length) {
  return Math.max(0, Math.min(length, from + extent) - Math.max(0, from)) / Math.max(length, 1);
}

/** The rectangle inside the map, never too small to be seen. */
function clip({ x, y, w, h }, width, height, least) {
  const left = Math.min(Math.max(x, 0), width - least);
  const top = Math.min(Math.max(y, 0), height - least);
  const right = Math.min(Math.max(x + w, left + least), width);
  const bottom = Math.min(Math.max(y + h, top + least), height);
  return { x: left, y: top, w: right - left, h: bottom - top };
}
