/** A highlight: some boxes stand out and everything else is faded, until it is let go (Esc, or ✕ on its chip). */
import { counted } from "./choice.js";
import { element, icon, iconButton } from "./dom.js";
import { recall, remember } from "./memory.js";
import { Kind } from "./scene.js";
import { farEnds } from "./stubs.js";

/** How much a box stands out. */
export const Lit = Object.freeze({ FADED: 0, LIT: 1, STRONG: 2 });

/**
 * @typedef {Object} Highlighted what stands out
 * @property {Set<string>} boxes ids; what lies in an expanded group that is one of them stands out, too
 * @property {string} title what they are, in words
 * @property {Set<string>} [strong] those of them that stand out most: the shortest of several paths
 * @property {Map<string, number>} [inside] group id → how many of them it holds, at any depth
 * @property {string} [text] the search that finds them; it survives a refresh and a page switch
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
    const own = kind === Kind.STUB ? farEnds(id).some((end) => boxes.has(end)) : boxes.has(id);
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
    this.place = "";
    this.element = element("div", { class: "lit-chip", role: "status", hidden: true });
  }

  /** @param {?Highlighted} found null lets go */
  show(found) {
    this.found = found;
    remember({ lit: found?.text ?? "" }, this.view.data.model, this.view.graph);
    this.dress();
  }

  /** Let what a search finds stand out; returns whether there is any. */
  async ask(text) {
    const { view } = this;
    const asked = (this.asked = { graph: view.graph });
    const found = await view.source.highlight(asked.graph, text).catch((problem) => view.voice.note(problem.message));
    if (!found || asked !== this.asked || asked.graph !== view.graph) return false;
    if (!found.boxes.length) {
      view.voice.note("Nothing found");
      return false;
    }
    const { title, boxes, strong, inside } = found;
    this.show({ title, boxes: new Set(boxes), strong: new Set(strong), inside: new Map(Object.entries(inside)), text });
    view.voice.say(`${title}: ${tally(view.look.light)}`);
    return true;
  }

  /** @param {?{seq: string, graph: string, text: string}} lit what the page lets stand out */
  update(model, lit) {
    if (!lit || recall(model).lit === lit.seq) return;
    remember({ lit: lit.seq }, model);
    if (this.view.scene && this.view.graph === lit.graph) this.ask(lit.text);
    else remember({ lit: lit.text }, model, lit.graph);
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
    const { view } = this;
    this.#arrive();
    const { found } = this;
    view.look.light = found && view.scene ? light(view.scene, found) : null;
    this.element.hidden = !view.look.light;
    if (found) view.host.dataset.highlight = found.title;
    else delete view.host.dataset.highlight;
    if (view.look.light) this.element.replaceChildren(...this.#parts(found, view.look.light));
    view.stage.invalidate();
  }

  /** Another graph is shown: what stood out in it stands out again. */
  #arrive() {
    const { data, graph } = this.view;
    const place = `${data.model} ${graph}`;
    if (place === this.place) return;
    this.place = place;
    this.found = null;
    this.view.finder.arrive();
    const { lit } = recall(data.model, graph);
    if (lit) this.ask(lit);
  }

  #parts(found, { hidden }) {
    const { view } = this;
    const text = { class: "title", text: found.title, title: found.title };
    const title = found.text
      ? element("button", { ...text, type: "button", title: `${found.title}: search for it`, on: { click: () => view.finder.ask(found.text) } })
      : element("span", text);
    return [
      icon("highlight"),
      title,
      element("span", { class: "tally", text: tally(view.look.light) }),
      ...(hidden ? [iconButton("expand", "Open the groups that hide some of it", () => this.open())] : []),
      iconButton("fit", "Bring all of it into view", () => this.frame()),
      iconButton("close", "Let go of the highlight (Esc)", () => this.clear()),
    ];
  }

  /** Expand the groups that hide some of what stands out. */
  open() {
    const { view, found } = this;
    const closed = [...found.inside.keys()].filter((id) => !found.boxes.has(id));
    view.setModes({ expanded: [...new Set([...view.scene.meta.expanded, ...closed])], flat: false });
  }

  /** Bring all boxes that stand out into view. */
  frame() {
    const { scene, look } = this.view;
    const boxes = look.light ? [...look.light.lit.keys()].filter((box) => look.light.lit[box]) : [];
    if (boxes.length) this.view.fit(scene.around(boxes));
  }
}
