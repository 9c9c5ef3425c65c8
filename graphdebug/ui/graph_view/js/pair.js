/**
 * Two graph views side by side: what is chosen in one is chosen in the other, they move together, differences are listed.
 *
 * For tests the host element (`.pair`) has `data-state` ("loading", "ready") and a property `pair`: the Pair, whose `views`
 * are the two GraphViews, the left one first.
 */
import { NOTHING } from "./choice.js";
import { DifferenceList } from "./difference_list.js";
import { element, halves } from "./dom.js";
import { InStep } from "./in_step.js";
import { Mates } from "./mates.js";
import { recall, remember } from "./memory.js";
import { post } from "./outbox.js";
import { mount as mountView, unmount as unmountView } from "./view.js";

const PLACE = "side by side";

/**
 * @param {ShadowRoot|HTMLElement} root
 * @param {Object} data {sides: [left, right]: {name, view: data of a GraphView}, colors: {kind: colour}}
 * @param {(messages: Object[]) => void} send as of a GraphView, the left one; and {what: "right", id}: chosen on the right, and
 *   nothing stands for it on the left
 */
export function mount(root, data, send) {
  const host = root.querySelector(".pair");
  (host?.pair ?? new Pair(root)).update(data, send);
}

/** Take the views off the page. */
export function unmount(root) {
  root.querySelector(".pair")?.pair?.destroy();
}

class Pair {
  constructor(root) {
    this.mates = null;
    this.inStep = new InStep(this);
    this.inStep.on = recall(PLACE).together ?? true;
    const together = element("button", { type: "button", class: "together", title: "Move, zoom and expand both together", text: "Together" });
    together.setAttribute("aria-pressed", String(this.inStep.on));
    together.addEventListener("click", () => {
      this.inStep.on = !this.inStep.on;
      together.setAttribute("aria-pressed", String(this.inStep.on));
      remember({ together: this.inStep.on }, PLACE);
      this.inStep.align();
    });
    this.list = new DifferenceList((difference) => this.#go(difference), together);
    this.names = [0, 1].map(() => element("div", { class: "side-name" }));
    this.roots = [0, 1].map(() => element("div", { class: "side-view" }));
    const sides = this.names.map((name, side) => element("div", { class: "side" }, name, this.roots[side]));
    this.host = element("div", { class: "pair" }, this.list.head, element("div", { class: "sides" }, ...sides), this.list.list);
    this.host.pair = this;
    this.host.dataset.state = "loading";
    this.host.addEventListener("keydown", (event) => this.#press(event)); // in a view it is a command like any other
    root.append(this.host);
  }

  update(data, send) {
    const other = this.data?.sides.map(({ view }) => view.model).join() !== data.sides.map(({ view }) => view.model).join();
    this.data = data;
    if (other) this.#forget();
    const first = !this.views;
    if (first) this.views = [];
    for (const [side, { name, view }] of data.sides.entries()) {
      this.names[side].replaceChildren(...halves(name, 24));
      this.names[side].title = name;
      const root = this.roots[side];
      mountView(root, view, side ? () => {} : send);
      this.views[side] = root.querySelector(".graph-view").graphView;
      if (first) this.#attend(this.views[side], root);
    }
    this.send = send;
    this.list.colors = data.colors;
    if (first) this.inStep.lead(this.views[0]);
  }

  #forget() {
    this.mates = null;
    this.asked = null;
    this.host.dataset.state = "loading";
    this.inStep.asked = null;
  }

  #attend(view, root) {
    view.follow = this;
    for (const kind of ["pointerdown", "wheel", "keydown", "focusin"]) {
      root.addEventListener(kind, () => this.inStep.lead(view), { capture: true, passive: true });
    }
  }

  #press(event) {
    const by = { ".": 1, ",": -1 }[event.key];
    const typing = event.composedPath()[0]?.tagName === "INPUT";
    if (!by || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.step(by);
  }

  /** Go to the next difference, or back to the one before. */
  step(by) {
    this.list.step(by);
  }

  // -- What the views tell -----------------------------------------------------------------------------------------

  moved(view) {
    this.inStep.moved(view);
  }

  /** A view shows a scene; of another graph, maybe. */
  shown(view) {
    this.#dress(view);
    const side = this.views.indexOf(view);
    if (this.meeting) this.meeting();
    else if (!this.asked || (view === this.inStep.leader && view.graph !== this.asked[side])) this.#match(side);
    else this.inStep.shown(view);
  }

  /** Something was chosen in a view. */
  chosen(view) {
    if (this.expected?.view === view && this.expected.id === view.choice.id) return;
    this.inStep.lead(view);
    this.#mirror(view);
  }

  // -- Counterparts ------------------------------------------------------------------------------------------------

  /** Ask what stands for what, when one side shows another graph; the other side shows its counterpart. */
  async #match(side) {
    if (side === 1 && !this.asked) return; // the left one comes first
    const [left, right] = this.views;
    const view = this.views[side];
    const asked = (this.asked = [null, null]);
    asked[side] = view.graph;
    const found = await left.source.matches(right.data.model, view.graph, side).catch((problem) => ({ problem: problem.message }));
    if (asked !== this.asked) return;
    this.mates = found.problem ? null : new Mates(found);
    const none = { differences: [], counts: {}, total: 0, sentence: found.problem };
    this.list.show(found.problem ? none : found, this.data.colors);
    if (this.mates) await this.#meet(view, this.views[1 - side], [found.graph, found.other_graph][1 - side]);
    else this.host.dataset.state = "ready";
  }

  /** The other side shows the graph that stands for this one's, and what stands for the choice. */
  async #meet(view, other, graph) {
    this.asked[this.views.indexOf(other)] = graph;
    if (other.graph !== graph) await other.reveal(graph, "", false);
    this.meeting = other.scene ? null : () => this.#meet(view, other, graph);
    if (this.meeting) return;
    const first = view.choice.id || !other.choice.id ? view : other;
    this.inStep.lead(first);
    await this.#mirror(first, false);
    await this.inStep.shown(view);
    this.host.dataset.state = "ready";
  }

  /** Choose in the other view what stands for the choice in this one. */
  async #mirror(view, tell = true) {
    if (!this.mates || !view.scene) return;
    const side = this.views.indexOf(view);
    const other = this.views[1 - side];
    const box = view.scene.anchorOf(view.choice.id);
    const id = box >= 0 ? view.scene.idOf(box) : view.choice.id;
    const mates = id ? this.mates.of(side, id) : [];
    this.company = [[], []];
    this.company[side] = id ? this.mates.company(side, id) : [];
    this.company[1 - side] = mates;
    this.list.mark(id ? this.mates.difference(side, id) : -1);
    const mate = mates.at(-1) ?? "";
    this.expected = { view: other, id: mate };
    if (mate) await other.reveal(this.#graphOf(1 - side), mate, tell && side === 1);
    else other.choose(NOTHING, { tell: tell && side === 1 });
    if (!mate && side === 1 && tell) post(this.send, { what: "right", id });
    this.views.forEach((each) => this.#dress(each));
    this.inStep.align();
  }

  #graphOf(side) {
    const { graph, other_graph: other } = this.mates.found;
    return side ? other : graph;
  }

  /** Rings around all that belongs to what is chosen. */
  #dress(view) {
    const ids = this.company?.[this.views.indexOf(view)] ?? [];
    view.look.company = view.scene ? ids.map((id) => view.scene.boxOf(id)).filter((box) => box >= 0) : [];
    view.stage.invalidate();
  }

  /** Show one difference on both sides. */
  #go({ left, right }) {
    const side = left.length ? 0 : 1;
    const view = this.views[side];
    this.inStep.lead(view);
    this.expected = null;
    view.reveal(this.#graphOf(side), (side ? right : left).at(-1), true);
  }

  destroy() {
    for (const root of this.roots) unmountView(root);
    this.host.remove();
  }
}
