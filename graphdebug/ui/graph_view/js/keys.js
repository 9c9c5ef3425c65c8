/** The keyboard: what a key does stands in commands.js; actions of a page bring keys of their own. */
import { commandFor, nameOf, perform, withTarget } from "./commands.js";

export class Keys {
  /** @param view the GraphView; it listens where the view has the focus, and for `/` on the whole page. */
  constructor(view) {
    this.view = view;
    this.listening = new AbortController();
    const { signal } = this.listening;
    view.host.addEventListener("keydown", (event) => this.#press(event), { signal });
    document.addEventListener("keydown", (event) => this.#pageKey(event), { signal });
    // The menu key has had its keydown; the event that follows is not for the browser's own menu.
    view.host.addEventListener("contextmenu", (event) => event.target === view.host && event.preventDefault(), { signal });
  }

  stop() {
    this.listening.abort();
  }

  #pageKey(event) {
    if (nameOf(event) !== "/" || (document.activeElement && document.activeElement !== document.body)) return;
    event.preventDefault();
    this.view.finder.focus();
  }

  #press(event) {
    const { view } = this;
    if (event.target !== view.host) return;
    const name = nameOf(event);
    const command = commandFor(name);
    const action = command ? null : view.voice.actions.find(({ key }) => key && key === name);
    if (!command && !action) return;
    event.preventDefault();
    event.stopPropagation();
    if (command) perform(view, command, name);
    else withTarget(view, (ids) => view.voice.act(action.name, ids));
  }
}
