/** A highlight: some boxes stand out and everything else is faded, until it is let go (Esc, or ✕ on its chip). */
import { counted } from "./choice.js";
import { element, icon, iconButton } from "./dom.js";
import { Kind } from "./scene.js";

/** How much a box stands out. */
export const Lit = Object.freeze({ FADED: 0, LIT: 1, STRONG: 2 });

/**
 * @typedef {Object} Highlighted what stands out
 * @property {Set<string>} boxes ids; what lies in an expanded group that is one of them stands out, too
 * @property {string} title what they are, in words
 * @property {Set<string>} [strong] those of them that stand out most: the shortest of several paths
 * @property {Map<string, number>} [inside] group id → how many of them it holds, at any depth
 * @property {string} [text] the search that finds them; it survives a refresh, and links carry it
 */

/**
 * Return how a highlight looks in a scene.
 * @param {Highlighted} found
 * @returns {{lit: Uint8Array, counts: Map<number, number>, shown: number, hidden: number}} `lit` by box (see Lit);
 *   `counts`: collapsed group (box) → how many it hides
 */
export function light(scene, { boxes, strong, inside }) {
  const lit = new Uint8Array(scene.boxes);
  const counts = new Map();
  let shown = 0;
  let hidden = 0;
  for (let box = 0; box < scene.boxes; box++) {
    const id = scene.idOf(box);
    const kind = scene.kind[box];
    const own = boxes.has(kind === Kind.STUB ? id.slice(id.indexOf(">") + 1) : id);
    const above = scene.parent[box];
    if (strong?.has(id)) lit[box] = Lit.STRONG;
    else if (own || (above >= 0 && lit[above])) lit[box] = Lit.LIT;
    if (own && kind !== Kind.STUB) shown++;
    const within = kind === Kind.GROUP ? (inside?.get(id) ?? 0) : 0;
    if (!within || lit[box]) continue;
    lit[box] = Lit.LIT;
    counts.set(box, within);
    hidden += within;
  }
  return { lit, counts, shown, hidden };
}

/** Say whether an edge joins two boxes that stand out; at which level both do. */
export function litEdge(scene, lit, edge) {
  return Math.min(lit[scene.ends[2 * edge]], lit[scene.ends[2 * edge + 1]]);
}

/** What the chip says beside the title. */
export function tally({ shown, hidden, counts }) {
  if (!shown && !hidden) return "not in this picture";
  const parts = [];
  if (shown) parts.push(`${shown.toLocaleString("en")} shown`);
  if (hidden) parts.push(`${hidden.toLocaleString("en")} inside ${counted(counts.size, "closed group")}`);
  return parts.join(", ");
}

/** Keeps the highlight of a view: its chip, and what the painter needs of it (`view.look.light`). */
export class Reach {
  /** @param view the GraphView */
  constructor(view) {
    this.view = view;
    this.found = null;
    this.element = element("div", { class: "lit-chip", role: "status", hidden: true });
  }

  /** The search behind the highlight, "" for none. */
  get text() {
    return this.found?.text ?? "";
  }

  /** @param {?Highlighted} found null lets go */
  show(found) {
    this.found = found;
    this.dress();
  }

  /** Let go; returns whether there was anything to let go of. */
  clear() {
    if (!this.found) return false;
    this.view.highlight(null);
    this.view.host.focus({ preventScroll: true });
    return true;
  }

  /** The scene or the highlight is another one. */
  dress() {
    const { view, found } = this;
    view.look.light = found && view.scene ? light(view.scene, found) : null;
    this.element.hidden = !view.look.light;
    if (found) view.host.dataset.highlight = found.title;
    else delete view.host.dataset.highlight;
    if (view.look.light) {
      this.element.replaceChildren(
        icon("highlight"),
        element("span", { class: "title", text: found.title, title: found.title }),
        element("span", { class: "tally", text: tally(view.look.light) }),
        iconButton("fit", "Bring all of it into view", () => this.frame()),
        iconButton("close", "Let go of the highlight (Esc)", () => this.clear()),
      );
    }
    view.stage.invalidate();
  }

  /** Bring all boxes that stand out into view. */
  frame() {
    const { scene, look } = this.view;
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let box = 0; box < scene.boxes; box++) {
      if (!look.light.lit[box]) continue;
      const { x, y, w, h } = scene.rectOf(box);
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x + w), Math.max(bottom, y + h)];
    }
    if (right > left) this.view.fit({ x: left, y: top, w: right - left, h: bottom - top });
  }
}
