/** The groups around what is chosen: a path to go back by; and all others closed, so that only they are open. */
import { choiceOf } from "./choice.js";
import { element, halves } from "./dom.js";
import { Kind } from "./scene.js";

/** Entries of the table in commands.js. */
export const FOLDING = [
  { group: "Look", keys: ["o"], show: "o", label: "collapse all but the way to it", menu: "Collapse all else", on: collapseElse },
];

/** The expanded groups that hold a box, outermost first. */
export function framesAround(scene, box) {
  const found = [];
  for (let above = box < 0 ? -1 : scene.parent[box]; above >= 0; above = scene.parent[above]) found.unshift(above);
  return found;
}

/** The ids of the groups that must be open so that these boxes and values are seen; an open group itself stays open. */
export function openFor(scene, ids) {
  const boxes = ids.flatMap((id) => {
    if (!id.startsWith("v:")) return [scene.boxOf(id)].filter((box) => box >= 0);
    return scene.edgesOf(id.slice(2)).flatMap((edge) => [scene.ends[2 * edge], scene.ends[2 * edge + 1]]);
  });
  const open = boxes.flatMap((box) => [...framesAround(scene, box), ...(scene.kind[box] === Kind.FRAME ? [box] : [])]);
  return [...new Set(open)].map((box) => scene.idOf(box));
}

function collapseElse(view, ids) {
  const { scene } = view;
  // Without groups there is no way to be seen: the server finds it, for one.
  const reveal = scene.meta.flat ? ids[0] : undefined;
  return view.setModes({ expanded: openFor(scene, ids), flat: false, reveal, anchor: ids[0] });
}

/** The path of groups around what is chosen, at the foot of the view. */
export class ScopePath {
  /** @param view the GraphView */
  constructor(view) {
    this.view = view;
    this.element = element("nav", { class: "trail path", "aria-label": "Groups", hidden: true });
  }

  show() {
    const { scene, choice, look } = this.view;
    const frames = scene && choice.id ? framesAround(scene, look.box >= 0 ? look.box : scene.anchorOf(choice.id)) : [];
    this.element.hidden = !frames.length;
    const links = frames.map((box) => {
      const text = scene.text(scene.label[box]) || scene.text(scene.op[box]);
      const on = { click: () => this.#go(scene.idOf(box)) };
      return element("button", { type: "button", title: text, "aria-label": text, on }, ...halves(text));
    });
    this.element.replaceChildren(...links.flatMap((link, i) => (i ? [element("span", { class: "slash", text: "›" }), link] : [link])));
    this.element.scrollLeft = this.element.scrollWidth; // of very many groups the inner ones
  }

  /** Choose a group, and see the whole of it. */
  #go(id) {
    const { view } = this;
    view.choose(choiceOf(id));
    const box = view.scene.boxOf(id);
    if (box >= 0) view.fit(view.scene.rectOf(box));
  }
}
