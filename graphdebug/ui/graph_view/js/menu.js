/** The menu of a box, a line or the empty canvas, and the one that asks which of several graphs to open. */
import { graphTitle } from "./choice.js";
import { COMMANDS } from "./commands.js";
import { element } from "./dom.js";
import { Kind } from "./scene.js";
import { idsOf } from "./selection.js";

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

export class Menu {
  /** @param view the GraphView */
  constructor(view) {
    this.view = view;
    this.element = element("div", { class: "menu", role: "menu", "aria-label": "Actions", hidden: true });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget)) this.element.hidden = true;
    });
    this.element.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Close; returns whether it was open. The keyboard goes back to the graph. */
  close() {
    if (!this.isOpen) return false;
    this.element.hidden = true;
    this.view.host.focus({ preventScroll: true });
    return true;
  }

  /**
   * Open at a point of the view.
   * @param {({label: string, run: ?() => void, key: ?string, help: ?string}|null)[]} entries null: a line between; without
   *   `run`, a heading
   */
  open(entries, x, y) {
    const { view } = this;
    const rows = entries.map((entry) => this.#row(entry));
    this.element.replaceChildren(...rows);
    this.element.hidden = !rows.length;
    const { offsetWidth: w, offsetHeight: h } = this.element;
    this.element.style.left = `${Math.max(4, Math.min(x, view.stage.width - w - 4))}px`;
    this.element.style.top = `${Math.max(4, Math.min(y, view.stage.height - h - 4))}px`;
    this.element.querySelector("button")?.focus();
  }

  #row(entry) {
    if (!entry) return element("div", { class: "between", role: "separator" });
    const { label, run, key, help } = entry;
    if (!run) return element("div", { class: "heading", role: "presentation", text: label });
    const properties = { type: "button", role: "menuitem", title: help, on: { click: () => this.#choose(run) } };
    const shown = key ? [element("kbd", { text: key, "aria-hidden": "true" })] : [];
    return element("button", properties, element("span", { text: label }), ...shown);
  }

  /** Open the menu of what is chosen or selected, beside it. */
  openAtChoice() {
    const { view } = this;
    const box = view.scene?.anchorOf(view.choice.id) ?? -1;
    if (box < 0) {
      this.openFor({ box: -1, edge: -1 }, view.stage.width / 2, view.stage.height / 3);
      return;
    }
    const { k, tx, ty } = view.stage.camera;
    const { x, y, w, h } = view.scene.rectOf(box);
    const edge = view.scene.boxOf(view.choice.id) < 0 ? (view.look.edges.value?.[0] ?? -1) : -1;
    this.openFor({ box: edge >= 0 ? -1 : box, edge }, (x + Math.min(w, 60)) * k + tx, (y + h) * k + ty);
  }

  /** Open the menu of what lies under a point: of the whole selection when that is part of it. */
  openFor({ box, edge }, x, y) {
    const { view } = this;
    if (!view.scene || (box >= 0 && view.scene.kind[box] === Kind.STUB)) return;
    const ids = box >= 0 ? idsOf(view.scene, box) : edge >= 0 ? [`v:${view.scene.text(view.scene.value[edge])}`] : [];
    const selected = ids.length > 0 && ids.every((id) => view.selection.has(id));
    const on = !ids.length || selected ? [...view.selection] : ids;
    this.open([...this.#ofBox(box), ...(on.length ? entriesFor(view, on, ids, selected) : []), ...this.#ofAll(ids)].slice(0, 40), x, y);
  }

  /** Ask which of several graphs to open. */
  openGraphs(graphs, x, y) {
    this.open(graphs.map((graph) => ({ label: graphTitle(graph), run: () => this.view.open(graph) })), x, y);
  }

  #ofBox(box) {
    const { view } = this;
    if (box < 0) return [];
    const kind = view.scene.kind[box];
    const opens = view.scene.meta.children?.[view.scene.idOf(box)]?.length;
    const label = kind === Kind.FRAME ? "Collapse" : kind === Kind.GROUP ? "Expand" : opens ? "Open" : "";
    return label ? [{ label, key: "Enter", run: () => view.activate(box) }, null] : [];
  }

  #ofAll(ids) {
    const { view } = this;
    if (ids.length) return [];
    return [
      { label: "Select by dragging", key: "b", run: () => view.pointer.arm(true) },
      { label: "Select all in view", key: "Ctrl A", run: () => view.marking.all() },
      { label: "Fit everything", key: "f", run: () => view.fit() },
      { label: "Expand all groups", key: "e", run: () => view.expandAll() },
      { label: "Collapse all groups", key: "w", run: () => view.collapseAll() },
    ];
  }

  #choose(run) {
    this.close();
    run();
  }

  #key(event) {
    const { element: menu } = this;
    if (event.key === "Escape" || event.key === "Tab") this.close();
    else if (STEPS[event.key]) {
      const buttons = [...menu.querySelectorAll("button")];
      const at = buttons.indexOf(menu.getRootNode().activeElement) + STEPS[event.key];
      buttons.at(at % buttons.length)?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** What can be done with boxes and values: `on` those meant, `ids` those under the pointer, if `selected` part of the selection. */
function entriesFor(view, on, ids, selected) {
  const { marking } = view;
  const entries = [];
  if (on.length > 1) entries.push({ label: `${on.length.toLocaleString("en")} selected` });
  if (ids.length) {
    const label = selected ? "Take out of the selection" : "Add to the selection";
    entries.push({ label, key: "Space", run: () => marking.toggle(ids) });
  }
  if (view.selection.size) entries.push({ label: "Clear the selection", key: "Esc", run: () => marking.clear() });
  const actions = view.voice.actions.map(({ name, label, key, help }) => ({ label, key, help, run: () => view.voice.act(name, on) }));
  if (actions.length) entries.push(null, ...actions);
  let group = "";
  for (const command of COMMANDS) {
    const label = typeof command.menu === "function" ? command.menu(on) : command.menu;
    if (!label) continue;
    if (command.group !== group) entries.push(null);
    group = command.group;
    entries.push({ label, key: command.show, help: command.label, run: () => command.on(view, on) });
  }
  return entries;
}
