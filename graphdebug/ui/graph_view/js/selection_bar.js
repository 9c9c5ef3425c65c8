/** The bar at the foot of the view: how much is selected, where to cut, and what can be done with it. */
import { counted } from "./choice.js";
import { element, iconButton } from "./dom.js";

/** Pixels between the bar and what is drawn, with the line of numbers under it. */
const GAP = 14;

export class SelectionBar {
  /** @param view the GraphView */
  constructor(view) {
    this.view = view;
    this.element = element("div", { class: "selection-bar", role: "toolbar", "aria-label": "Selection", hidden: true });
  }

  /** Show what is selected and marked now. */
  show() {
    const { selection, marking } = this.view;
    const { from, to } = marking.ends;
    const parts = [];
    if (selection.size) parts.push(this.#selected([...selection]));
    if (from.length || to.length) parts.push(this.#cut(from, to));
    this.element.hidden = !parts.length;
    this.element.replaceChildren(...parts);
    this.view.stage.bar = parts.length ? this.element.offsetHeight + GAP : 0;
  }

  #selected(ids) {
    const { view } = this;
    const { marking } = view;
    const button = (text, title, run) => element("button", { type: "button", text, title, on: { click: () => run(ids) } });
    const keyed = (help, key) => (key ? `${help} (${key})` : help);
    return element(
      "div",
      { class: "part" },
      element("span", { class: "count", text: `${ids.length.toLocaleString("en")} selected` }),
      ...view.voice.actions.map(({ name, label, help, key }) => button(label, keyed(help, key), () => view.voice.act(name, ids))),
      button("From here", "Cut from what comes out of these ([)", () => marking.mark("from", ids)),
      button("To here", "Cut to what comes out of these (])", () => marking.mark("to", ids)),
      button("Copy names", "Copy their names (c)", () => marking.copyNames(ids)),
      iconButton("close", "Clear the selection (Esc)", () => marking.clear()),
    );
  }

  #cut(from, to) {
    const { marking } = this.view;
    const count = marking.part ? ` · ${counted(marking.part.count, "node")}` : "";
    const side = (names, none) => (names.length ? counted(names.length, "tensor") : none);
    return element(
      "div",
      { class: "part" },
      element("span", { class: "count", text: "Cut" }),
      element("span", { text: `${side(from, "the inputs")} → ${side(to, "everything after")}${count}` }),
      iconButton("close", "Forget where to cut (X)", () => marking.forget()),
    );
  }
}
