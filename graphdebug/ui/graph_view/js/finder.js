/** The search box: asks the server while one types, lists the hits, steps through them. */
import { element, icon, iconButton } from "./dom.js";

const PAUSE = 130;

export class Finder {
  /**
   * @param {(text: string, signal: AbortSignal) => Promise<{hits: Object[], total: number}>} search
   * @param {(hit: Object) => void} choose
   * @param {() => void} leave gives the keyboard back to the canvas
   */
  constructor(search, choose, leave) {
    this.search = search;
    this.choose = choose;
    this.leave = leave;
    this.hits = [];
    this.at = -1;
    this.input = element("input", {
      type: "search",
      placeholder: "Search name, op, tensor",
      "aria-label": "Search the graph by name, op or tensor",
      role: "combobox",
      "aria-expanded": "false",
      autocomplete: "off",
      spellcheck: "false",
      on: { input: () => this.#typed(), keydown: (event) => this.#key(event), focus: () => this.#show(true) },
    });
    this.count = element("span", { class: "count" });
    this.list = element("div", { class: "hits", role: "listbox", "aria-label": "Search hits", hidden: true });
    this.steps = element(
      "span",
      { class: "steps", hidden: true },
      iconButton("previous", "Previous hit", () => this.#step(-1)),
      iconButton("next", "Next hit", () => this.#step(1)),
      iconButton("close", "Clear the search", () => this.clear()),
    );
    this.element = element("div", { class: "finder" }, icon("search"), this.input, this.count, this.steps, this.list);
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget)) this.#show(false);
    });
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  clear() {
    this.input.value = "";
    this.#fill([], 0);
    this.leave();
  }

  #typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask(), PAUSE);
  }

  async #ask() {
    this.pending?.abort();
    this.pending = new AbortController();
    const text = this.input.value.trim();
    if (!text) {
      this.#fill([], 0);
      return;
    }
    try {
      const { hits, total } = await this.search(text, this.pending.signal);
      this.#fill(hits, total);
      this.#show(true);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.#fill([], 0);
      this.count.textContent = problem.message;
    }
  }

  #fill(hits, total) {
    this.hits = hits;
    this.total = total;
    this.at = -1;
    this.steps.hidden = !this.input.value;
    this.list.replaceChildren(...hits.map((hit, i) => this.#row(hit, i)));
    if (this.input.value && !hits.length) this.list.append(element("div", { class: "none", text: "Nothing found" }));
    if (total > hits.length) {
      this.list.append(element("div", { class: "none", text: `${hits.length} of ${total} shown: type more to narrow it` }));
    }
    this.#mark();
  }

  #row(hit, i) {
    return element(
      "button",
      { type: "button", class: "hit", role: "option", tabindex: "-1", on: { click: () => this.#go(i) } },
      element("span", { class: "title", text: hit.title }),
      element("span", { class: "subtitle", text: hit.subtitle }),
    );
  }

  #key(event) {
    event.stopPropagation();
    if (event.key === "Escape") {
      if (this.list.hidden && this.input.value) this.clear();
      else this.leave();
      this.#show(false);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.#show(true);
      this.at = wrap(this.at + (event.key === "ArrowDown" ? 1 : -1), this.hits.length);
      this.#mark();
    } else if (event.key === "Enter") {
      if (this.list.hidden) this.#step(event.shiftKey ? -1 : 1);
      else this.#go(Math.max(this.at, 0));
    } else return;
    event.preventDefault();
  }

  #step(by) {
    if (this.hits.length) this.#go(wrap(this.at + by, this.hits.length));
  }

  #go(i) {
    if (!this.hits[i]) return;
    this.at = i;
    this.#mark();
    this.#show(false);
    this.choose(this.hits[i]);
  }

  #mark() {
    const rows = this.list.querySelectorAll(".hit");
    rows.forEach((row, i) => row.setAttribute("aria-selected", String(i === this.at)));
    rows[this.at]?.scrollIntoView({ block: "nearest" });
    this.count.textContent = !this.input.value || !this.hits.length ? "" : `${this.at >= 0 ? `${this.at + 1}/` : ""}${this.total}`;
  }

  #show(open) {
    this.list.hidden = !open || !this.input.value;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
  }
}

function wrap(i, count) {
  return count ? (i + count) % count : -1;
}
