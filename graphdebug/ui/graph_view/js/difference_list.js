/** The differences of two graphs as a list: filtered by kind, walked through with next and previous. */
import { counted } from "./choice.js";
import { element, halves, iconButton } from "./dom.js";

/** Lines drawn before and after the current one. */
const AROUND = 150;
/** Letters at the end of a name that always show. */
const NAME_END = 20;

export class DifferenceList {
  /**
   * @param {(difference: Object) => void} choose called when one is clicked or stepped to
   * @param {Node} aside what stands at the end of the line over the list
   */
  constructor(choose, aside) {
    this.choose = choose;
    this.found = { differences: [], counts: {}, total: 0, sentence: "" };
    this.current = -1;
    this.kinds = new Set();
    this.sentence = element("div", { class: "sentence", role: "status" });
    this.filters = element("div", { class: "filters", role: "group", "aria-label": "Kinds of differences" });
    this.place = element("span", { class: "place" });
    this.steps = element(
      "div",
      { class: "group" },
      iconButton("previous", "Previous difference (,)", () => this.step(-1)),
      iconButton("next", "Next difference (.)", () => this.step(1)),
    );
    const tools = element("div", { class: "tools" }, this.place, this.steps, aside);
    this.head = element("div", { class: "pair-head" }, this.sentence, this.filters, tools);
    this.list = element("div", { class: "differences", role: "listbox", "aria-label": "Differences", tabindex: "-1" });
  }

  /** @param {Object} found {sentence, differences, counts, total}  @param {Object} colors kind → colour */
  show(found, colors) {
    this.found = found;
    this.colors = colors;
    this.current = -1;
    this.kinds = new Set([...this.kinds].filter((kind) => found.counts[kind]));
    this.sentence.textContent = found.sentence;
    this.#draw();
  }

  /** Mark one as the current one, without calling `choose`. */
  mark(number) {
    if (number === this.current) return;
    this.current = number;
    this.#draw();
  }

  /** Go to the next one of the kinds shown, or the one before. */
  step(by) {
    const shown = this.#shown();
    if (!shown.length) return;
    const after = shown.findIndex((number) => number > this.current);
    const before = shown.findLastIndex((number) => number < this.current);
    const at = by > 0 ? Math.max(after, 0) : before < 0 ? shown.length - 1 : before;
    this.#go(shown[at]);
  }

  #go(number) {
    this.mark(number);
    this.choose(this.found.differences[number]);
  }

  #shown() {
    const { differences } = this.found;
    return [...differences.keys()].filter((number) => !this.kinds.size || this.kinds.has(differences[number].kind));
  }

  #draw() {
    const { differences, counts, total } = this.found;
    const shown = this.#shown();
    const at = shown.indexOf(this.current);
    const kinds = Object.keys(this.colors ?? {}).filter((kind) => counts[kind]);
    this.filters.replaceChildren(...(kinds.length > 1 ? kinds.map((kind) => this.#filter(kind, counts[kind])) : []));
    this.place.textContent = shown.length ? `${at >= 0 ? `${(at + 1).toLocaleString("en")} of ` : ""}${counted(shown.length, "difference")}` : "";
    this.steps.hidden = !shown.length;
    const first = Math.max(0, at - AROUND);
    const rows = shown.slice(first, Math.max(at, 0) + AROUND).map((number) => this.#row(number, differences[number]));
    const hidden = shown.length - rows.length + (total - differences.length);
    const more = hidden > 0 ? [element("div", { class: "none", text: `and ${hidden.toLocaleString("en")} more` })] : [];
    this.list.hidden = !shown.length;
    this.list.replaceChildren(...rows, ...more);
    const marked = this.list.querySelector("[aria-selected=true]");
    if (marked) this.list.scrollTop = marked.offsetTop - this.list.clientHeight / 2 + marked.offsetHeight / 2;
  }

  #filter(kind, count) {
    const toggle = () => {
      if (!this.kinds.delete(kind)) this.kinds.add(kind);
      this.#draw();
    };
    const title = `List only what is ${kind}: ${counted(count, "difference")}`;
    const button = { type: "button", "aria-pressed": String(this.kinds.has(kind)), title, on: { click: toggle } };
    return element("button", button, this.#swatch(kind), element("span", { text: kind }));
  }

  #row(number, { kind, ops, name, what }) {
    const properties = { type: "button", class: "difference", role: "option", "aria-selected": String(number === this.current), on: { click: () => this.#go(number) } };
    return element(
      "button",
      properties,
      this.#swatch(kind),
      element("span", { class: "kind", text: kind }),
      element("span", { class: "title", text: ops, title: ops }),
      element("span", { class: "name", title: name }, ...halves(name, NAME_END)),
      element("span", { class: "what", text: what.join("; "), title: what.join("\n") }),
    );
  }

  #swatch(kind) {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = this.colors[kind];
    return swatch;
  }
}
