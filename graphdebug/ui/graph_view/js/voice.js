/** What the view says: to Python (choice, marks, actions), to screen readers, and for a moment to everybody. */
import { element } from "./dom.js";

const EMIT_PAUSE = 60;
const REPEATED_FOR = 3000; // ms
/** What was told lately, the newest last, by the views of all pages: messages that come faster than the server looks at them,
 * or just before the page changes, do not arrive. */
let lately = [];
const NOTE = 2200;

export class Voice {
  /** @param view the GraphView */
  constructor(view) {
    this.view = view;
    this.asked = []; // actions that are about to be told
    this.spoken = element("div", { class: "voice", "aria-live": "polite" });
    this.shown = element("div", { class: "said", "aria-hidden": "true", hidden: true });
    this.elements = [this.spoken, this.shown];
  }

  /** Let Python know what is chosen and marked. Of a quick succession the first goes out at once, then only the last. */
  tell() {
    const { view } = this;
    clearTimeout(this.emitting);
    const pause = performance.now() - (this.emitted ?? -Infinity) > 3 * EMIT_PAUSE ? 0 : EMIT_PAUSE;
    this.emitted = performance.now();
    this.emitting = setTimeout(() => {
      const number = Math.max(Date.now(), (lately.at(-1)?.number ?? 0) + 1);
      lately.push({ number, model: view.data.model, graph: view.graph, ...view.choice, ...view.marking.news(), asked: this.asked });
      this.asked = [];
      this.repeat();
    }, pause);
  }

  /** Tell again what was told lately: who has heard it knows its number. */
  repeat() {
    lately = lately.filter(({ number }) => number > Date.now() - REPEATED_FOR);
    if (lately.length) this.view.say.told(lately);
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
