/** What the view says: to Python (choice, marks, actions), to screen readers, and for a moment to everybody. */
import { element } from "./dom.js";
import { post } from "./outbox.js";

const EMIT_PAUSE = 60;
const NOTE = 2200;

export class Voice {
  /** @param view the GraphView */
  constructor(view) {
    this.view = view;
    this.asked = []; // actions that are about to be told
    this.emitting = 0; // the timer of what waits to be told
    this.spoken = element("div", { class: "voice", "aria-live": "polite" });
    this.shown = element("div", { class: "said", "aria-hidden": "true", hidden: true });
    this.elements = [this.spoken, this.shown];
  }

  /** Let Python know what is chosen and marked. Of a quick succession the first goes out at once, then only the last. */
  tell() {
    clearTimeout(this.emitting);
    const pause = performance.now() - (this.emitted ?? -Infinity) > 3 * EMIT_PAUSE ? 0 : EMIT_PAUSE;
    this.emitted = performance.now();
    this.emitting = setTimeout(() => this.#emit(), pause);
  }

  /** Let Python know at once what waits to be told: another graph comes, whose choice and marks are others. */
  hurry() {
    if (this.emitting) this.#emit();
  }

  #emit() {
    const { view } = this;
    clearTimeout(this.emitting);
    this.emitting = 0;
    post(view.send, { what: "choice", model: view.data.model, graph: view.graph, ...view.choice, ...view.marking.news(), asked: this.asked });
    this.asked = [];
  }

  /** What the page can do with boxes of this graph: [{name, label, help, key}]. */
  get actions() {
    const { data, graph } = this.view;
    return (data?.actions ?? []).filter(({ main }) => !main || graph === "");
  }

  /** Let Python do one of them with the boxes of these ids. */
  act(name, ids) {
    this.asked.push({ act: name, ids });
    this.tell();
  }

  /** Tell screen readers. */
  say(text) {
    this.spoken.textContent = text;
  }

  /** Tell everybody, for a moment. */
  note(text) {
    this.say(text);
    this.shown.hidden = false;
    this.shown.textContent = text;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (this.shown.hidden = true), NOTE);
  }

  stop() {
    clearTimeout(this.emitting);
    clearTimeout(this.saying);
  }
}
