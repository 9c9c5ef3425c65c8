/** The keyboard: every gesture of the mouse has a key. */
import { NOTHING, choiceOf } from "./choice.js";
import { step } from "./navigate.js";

export class Keys {
  /** @param view the GraphView; it listens where the view has the focus, and for `/` on the whole page. */
  constructor(view, root) {
    this.view = view;
    this.root = root;
    this.listening = new AbortController();
    const { signal } = this.listening;
    view.host.addEventListener("keydown", (event) => this.#press(event), { signal });
    document.addEventListener("keydown", (event) => this.#pageKey(event), { signal });
  }

  stop() {
    this.listening.abort();
  }

  #pageKey(event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement && document.activeElement !== document.body) return;
    event.preventDefault();
    this.view.finder.focus();
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.view.host) return;
    const action = this.#action(event.key);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  #action(key) {
    const { view } = this;
    const { stage } = view;
    const zoom = (factor) => () => stage.zoom(stage.width / 2, stage.height / 2, factor);
    const down = view.scene?.down ?? true;
    const walk = (way) => () => this.#walk(way);
    return {
      f: () => view.fit(),
      "/": () => view.finder.focus(),
      "?": () => view.help(),
      "+": zoom(1.35),
      "=": zoom(1.35),
      "-": zoom(1 / 1.35),
      Enter: () => view.look.box >= 0 && view.activate(view.look.box),
      Escape: () => this.#escape(),
      ArrowDown: walk(down ? "forward" : "right"),
      ArrowUp: walk(down ? "backward" : "left"),
      ArrowRight: walk(down ? "right" : "forward"),
      ArrowLeft: walk(down ? "left" : "backward"),
    }[key];
  }

  #walk(way) {
    const { view } = this;
    if (!view.scene) return;
    const from = view.look.box >= 0 ? view.look.box : view.scene.anchorOf(view.choice.id);
    const to = step(view.scene, from, way);
    if (to >= 0) view.choose(choiceOf(view.scene.idOf(to)), { look: true });
  }

  #escape() {
    const { view } = this;
    if (!view.parts.sheet.hidden) view.help();
    else if (!view.parts.menu.hidden) view.parts.menu.hidden = true;
    else if (view.reach.clear()) return;
    else if (view.choice.id) view.choose(NOTHING);
    else view.back();
  }
}
