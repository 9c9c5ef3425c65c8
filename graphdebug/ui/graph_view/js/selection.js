/**
 * What is marked in the graph: the selected boxes and values, the same on every page, and the values at which to cut.
 *
 * Ids are those of boxes; the graph's inputs and outputs count as values (`v:name`). What is marked is kept by model and
 * graph in sessionStorage; Python is told with the choice, and can mark things, too (`data.marks`).
 */
import { NOTHING, counted } from "./choice.js";
import { copy } from "./clipboard.js";
import { recall, remember } from "./memory.js";
import { Kind } from "./scene.js";

/** Selected at once, at most (ui/marks.py says the same). */
export const MOST = 20_000;

const NONE = Object.freeze({ selected: [], from: [], to: [] });

/** The id under which a box is selected: inputs and outputs are values; "" when it cannot be selected. */
export function idFor(scene, box) {
  const id = scene.idOf(box);
  const kind = scene.kind[box];
  if (kind === Kind.STUB) return "";
  return kind === Kind.INPUT || kind === Kind.OUTPUT ? `v:${id.slice(2)}` : id;
}

/** The ids that a box stands for: of a frame, all that it holds. */
export function idsOf(scene, box) {
  if (scene.kind[box] !== Kind.FRAME) return [idFor(scene, box)].filter(Boolean);
  const ids = [];
  for (let b = box + 1; b < scene.boxes && ids.length < MOST; b++) {
    if (scene.kind[b] !== Kind.FRAME && scene.isWithin(b, box)) ids.push(idFor(scene, b));
  }
  return ids.filter(Boolean);
}

/** The ids of what lies wholly within a rectangle (scene coordinates); frames count as what they hold. */
export function idsWithin(scene, area) {
  const inside = scene.boxesIn(area).filter((box) => {
    const { x, y, w, h } = scene.rectOf(box);
    const within = x >= area.x && y >= area.y && x + w <= area.x + area.w && y + h <= area.y + area.h;
    return within && scene.kind[box] !== Kind.FRAME;
  });
  return inside.slice(0, MOST).map((box) => idFor(scene, box)).filter(Boolean);
}

/**
 * How marks look in a scene.
 * @param {{ids: Set<string>, from: string[], to: string[]}} marks
 * @param {?{nodes: Set<string>, groups: Object, places: Object}} part the part between the ends, when it is known
 * @returns {{boxes: Set<number>, edges: number[], part: Set<number>, flags: {end: string, name: string, edges: number[], box: number}[]}}
 */
export function marksIn(scene, { ids, from, to }, part) {
  const boxes = new Set();
  const values = new Set();
  for (const id of ids) {
    const shown = id.startsWith("v:") ? [scene.boxOf(`i:${id.slice(2)}`), scene.boxOf(`o:${id.slice(2)}`)] : [scene.boxOf(id)];
    for (const box of shown) if (box >= 0) boxes.add(box);
    if (id.startsWith("v:")) values.add(id.slice(2));
  }
  const lines = linesOf(scene, [...values, ...from, ...to]);
  const between = new Set();
  for (let box = 0; part && box < scene.boxes; box++) {
    const id = scene.idOf(box);
    if (part.nodes.has(id) || (scene.kind[box] === Kind.GROUP && part.groups[id])) between.add(box);
  }
  const flag = (end) => (name) => {
    const box = [`i:${name}`, `o:${name}`, ...(part?.places[name] ?? [])].map((id) => scene.boxOf(id)).find((b) => b >= 0);
    return { end, name, edges: lines.get(name), box: box ?? -1 };
  };
  const edges = [...values].flatMap((name) => lines.get(name));
  return { boxes, edges, part: between, flags: [...from.map(flag("from")), ...to.map(flag("to"))] };
}

/** The edges of each of many values, found in one pass. */
function linesOf(scene, names) {
  const lines = new Map(names.map((name) => [name, []]));
  if (lines.size) for (let e = 0; e < scene.edges; e++) lines.get(scene.text(scene.value[e]))?.push(e);
  return lines;
}

export class Selection {
  /** @param view the GraphView; its `look.marked` is what the painter needs */
  constructor(view) {
    this.view = view;
    this.ids = new Set();
    this.ends = { from: [], to: [] };
    this.part = null;
    this.untold = false;
    this.turn = null; // the last question that is being asked
  }

  // -- What Python says ------------------------------------------------------------------------------------------

  /** @param {?{seq: string, graph: string, lost: boolean, selected: string[], from: string[], to: string[]}} marks */
  update(model, marks, isOpen) {
    const isNews = marks && recall(model).marks !== marks.seq;
    if (!isNews) return;
    remember({ marks: marks.seq }, model);
    const { selected, from, to } = marks;
    remember({ marked: marks.lost ? { ...this.#known(model, marks.graph), untold: true } : { selected, from, to } }, model, marks.graph);
    if (isOpen && this.view.graph === marks.graph && this.view.scene) this.enter(false);
  }

  /** Another graph is shown: what was marked in it is marked again; `tell` lets Python know. */
  enter(tell) {
    const { selected, from, to, untold } = this.#known(this.view.data.model, this.view.graph);
    this.ids = new Set(selected);
    this.ends = { from, to };
    this.untold = Boolean(untold) || (tell && selected.length + from.length + to.length > 0);
    this.part = null;
    this.#askPart();
    this.dress();
    if (this.untold) this.view.voice.tell();
  }

  /** The graph was edited: other nodes may lie between the ends of the cut. */
  edited() {
    this.#askPart();
  }

  /** What Python has not been told yet, once: {marks} or {}. */
  news() {
    if (!this.untold) return {};
    this.untold = false;
    this.#keep();
    return { marks: { selected: [...this.ids], ...this.ends } };
  }

  #known(model, graph) {
    return { ...NONE, ...recall(model, graph).marked };
  }

  // -- Selecting -------------------------------------------------------------------------------------------------

  /** Select these boxes and no others. */
  set(ids) {
    this.ids = new Set([...ids].slice(0, MOST));
    this.#changed();
  }

  add(ids) {
    this.set([...this.ids, ...ids]);
  }

  /** Take boxes in, or out when all of them are in. */
  toggle(ids) {
    if (!ids.length) return;
    const next = new Set(this.ids);
    const out = ids.every((id) => next.has(id));
    for (const id of ids) out ? next.delete(id) : next.add(id);
    this.set(next);
  }

  /** A selection begins, or grows, by the mouse: what was chosen before is the first of it, unless it is meant itself. */
  begin(meant = []) {
    const { scene, look, choice } = this.view;
    if (!choice.id) return;
    const chosen = look.box >= 0 ? idsOf(scene, look.box) : choice.kind === "value" ? [choice.id] : [];
    if (!this.ids.size) this.ids = new Set(chosen.filter((id) => !meant.includes(id)));
    this.view.choose(NOTHING, { tell: false });
  }

  /** Select all that is in view, at most as much as can be. */
  all() {
    const { scene, stage } = this.view;
    const { k, tx, ty } = stage.camera;
    const area = { x: -tx / k, y: -ty / k, w: stage.width / k, h: stage.height / k };
    const shown = scene.boxesIn(area).filter((box) => scene.kind[box] !== Kind.FRAME);
    this.set(shown.slice(0, MOST).map((box) => idFor(scene, box)).filter(Boolean));
  }

  async copyNames(ids) {
    const { names } = await this.view.source.selected(this.view.graph, ids);
    const done = await copy(names.join("\n"));
    this.view.voice.note(done ? `${counted(names.length, "name")} copied` : "The browser does not let this page copy.");
  }

  /** Let go of the selection; returns whether there was one. */
  clear() {
    if (!this.ids.size) return false;
    this.set([]);
    return true;
  }

  // -- Where to cut ----------------------------------------------------------------------------------------------

  /** Cut from or to what `ids` stand for: values themselves, what leaves nodes and groups. */
  mark(end, ids) {
    this.#inTurn(ids, ({ leaving }) => {
      if (leaving.length) this.#setEnds({ ...this.ends, [end]: leaving });
      else this.view.voice.note("Nothing comes out there.");
    });
  }

  /** Cut out the nodes and groups among `ids`: from what enters them to what leaves them. */
  markAround(ids) {
    const boxes = ids.filter((id) => !id.startsWith("v:"));
    this.#inTurn(boxes, ({ entering, leaving }) => {
      if (boxes.length) this.#setEnds({ from: entering, to: leaving });
      else this.view.voice.note("Choose or select nodes first.");
    });
  }

  /** Forget where to cut. */
  forget() {
    this.#inTurn([], () => this.#setEnds({ from: [], to: [] }));
  }

  /** Ask what enters and leaves boxes. Answers are taken in the order of the questions, and none in another graph. */
  #inTurn(ids, take) {
    const { source, graph, voice } = this.view;
    const asked = ids.length ? source.selected(graph, ids) : { entering: [], leaving: [] };
    this.turn = Promise.all([asked, this.turn]).then(
      ([found]) => source === this.view.source && graph === this.view.graph && take(found),
      () => voice.note("The server did not answer: nothing was marked."),
    );
  }

  #setEnds({ from, to }) {
    this.ends = { from, to };
    this.#askPart();
    this.#changed();
  }

  async #askPart() {
    const { ends, view } = this;
    if (!ends.from.length && !ends.to.length) {
      this.part = null;
      return;
    }
    const none = { nodes: [], groups: {}, places: {}, count: 0 };
    const { nodes, groups, places, count } = await view.source.part(view.graph, ends.from, ends.to).catch(() => none);
    if (ends !== this.ends) return;
    this.part = { nodes: new Set(nodes.map((node) => `n:${node}`)), groups, places, count };
    this.dress();
  }

  // -- Looks -----------------------------------------------------------------------------------------------------

  #changed() {
    this.untold = true;
    this.#keep();
    this.dress();
    this.view.voice.say(this.ids.size ? `${counted(this.ids.size, "box", "boxes")} selected` : "Nothing is selected");
    this.view.voice.tell();
  }

  #keep() {
    const marked = { selected: [...this.ids], ...this.ends, untold: this.untold };
    remember({ marked }, this.view.data.model, this.view.graph);
  }

  /** The scene or the marks are others. */
  dress() {
    const { view } = this;
    if (!view.scene) return;
    view.look.marked = marksIn(view.scene, { ids: this.ids, ...this.ends }, this.part);
    view.host.dataset.selection = this.ids.size;
    view.selectionBar.show();
    view.stage.invalidate();
  }
}
