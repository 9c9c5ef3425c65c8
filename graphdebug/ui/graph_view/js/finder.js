/** The search box: asks the server while one types, lists what was found and how the query can go on, steps through hits. */
import { choiceOf } from "./choice.js";
import { element, icon, iconButton } from "./dom.js";
import { recall, remember } from "./memory.js";
import { usesOf } from "./ways.js";

const PAUSE = 90;
/** Hits that the server sends at once (LIMIT in view/search.py). */
const PAGE = 50;
/** Ways to go on that are listed beside hits; all are where there are none. */
const FEW = 3;

export class Finder {
  /** @param view the GraphView */
  constructor(view) {
    this.view = view;
    this.input = element("input", {
      type: "search",
      placeholder: "Search, or op:Conv",
      "aria-label": "Search the graph by name, op or tensor, or with filters",
      title: "Names, operators, tensors, and filters like op:Conv dtype:float16 shape:?,64 (/)",
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": "hits",
      autocomplete: "off",
      spellcheck: "false",
      on: { input: () => this.#typed(), keydown: (event) => this.#key(event), focus: () => this.#open() },
    });
    this.count = element("span", { class: "count", "aria-live": "polite" });
    this.list = element("div", { class: "hits", id: "hits", role: "listbox", "aria-label": "Search hits", hidden: true });
    this.steps = element(
      "span",
      { class: "steps", hidden: true },
      iconButton("previous", "Previous hit (Shift F3)", () => this.step(-1)),
      iconButton("next", "Next hit (F3)", () => this.step(1)),
      iconButton("highlight", "Let all hits stand out (Alt Enter)", () => this.#light()),
      iconButton("close", "Clear the search", () => this.clear()),
    );
    this.element = element("div", { class: "finder" }, icon("search"), this.input, this.count, this.steps, this.list);
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget)) this.#show(false);
    });
    this.#forget();
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  clear() {
    this.#set("");
    this.#remember();
    this.#leave();
  }

  /** Another graph is shown, or the page is back: what was searched for stands in the box again. */
  arrive() {
    const text = recall(this.view.data.model).search ?? "";
    if (!this.#hasFocus && text !== this.input.value) this.#set(text);
  }

  /** Search for this, as if it had been typed. */
  ask(text) {
    this.input.value = text;
    this.focus();
    return this.#ask();
  }

  /** Go to the next hit (1), or to the one before (-1). */
  async step(by) {
    if (this.answered === null && this.#text) await this.#ask();
    if (!this.total) return;
    await this.#go((Math.max(this.at, by > 0 ? -1 : 0) + by + this.total) % this.total);
  }

  // -- Asking ----------------------------------------------------------------------------------------------------

  get #text() {
    return this.input.value.trim();
  }

  get #hasFocus() {
    return this.input.getRootNode().activeElement === this.input;
  }

  #set(text) {
    clearTimeout(this.timer);
    this.pending?.abort();
    this.input.value = text;
    this.#forget();
    this.#fill();
  }

  #remember() {
    remember({ search: this.input.value }, this.view.data.model);
  }

  #forget() {
    Object.assign(this, { answered: null, graph: "", hits: [], total: 0, at: -1, suggestions: [], problem: "", notice: "", row: -1 });
  }

  #open() {
    this.#show(true);
    if (this.answered === null) this.#ask();
  }

  #typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask(), PAUSE);
  }

  async #ask() {
    clearTimeout(this.timer);
    this.pending?.abort();
    const pending = (this.pending = new AbortController());
    const { graph } = this.view;
    const { value } = this.input;
    this.#remember();
    let found;
    try {
      found = await this.view.source.search(graph, value, 0, pending.signal);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      found = { hits: [], total: 0, suggestions: [], problem: problem.message };
    }
    if (pending.signal.aborted) return;
    this.#forget();
    Object.assign(this, found, { answered: value, graph });
    this.#fill();
    this.#show(this.#hasFocus);
  }

  /** Fetch the page on which a hit stands. */
  async #fetch(at) {
    const skip = at - (at % PAGE);
    const { graph, answered } = this;
    const { hits } = await this.view.source.search(graph, answered, skip, this.pending.signal);
    if (answered !== this.answered) return;
    hits.forEach((hit, i) => (this.hits[skip + i] = hit));
    this.#fill();
  }

  // -- The list --------------------------------------------------------------------------------------------------

  #fill() {
    this.steps.hidden = !this.#text;
    const offered = this.suggestions.slice(0, this.hits.length ? FEW : this.suggestions.length);
    const listed = this.hits.findIndex((hit) => !hit);
    const hits = listed < 0 ? this.hits : this.hits.slice(0, listed);
    this.rows = [
      ...offered.map((each) => ({ element: option("suggestion", each.label, each.aside), run: () => this.#complete(each) })),
      ...hits.map((hit, i) => ({ element: option("hit", hit.title, hit.subtitle), run: () => this.#go(i), at: i })),
    ];
    for (const { element: row, run } of this.rows) row.addEventListener("click", run);
    this.rows.forEach(({ element: row }, i) => (row.id = `hit-${i}`));
    const asides = [];
    if (this.problem) asides.push(element("div", { class: "none problem", role: "alert", text: this.problem }));
    else if (this.#text && this.answered !== null && !this.total) asides.push(element("div", { class: "none", text: "Nothing found" }));
    if (this.total > hits.length) {
      const text = `${hits.length.toLocaleString("en")} of ${this.total.toLocaleString("en")} shown: more`;
      asides.push(element("button", { type: "button", class: "none more", tabindex: "-1", text, on: { click: () => this.#more(hits.length) } }));
    }
    if (this.notice) asides.push(element("div", { class: "none", text: this.notice }));
    this.list.replaceChildren(...this.rows.map(({ element: row }) => row), ...asides);
    this.#mark();
  }

  async #more(at) {
    const { scrollTop } = this.list;
    await this.#fetch(at).catch((problem) => this.view.voice.note(problem.message));
    this.list.scrollTop = scrollTop;
    this.input.focus();
  }

  #complete(suggestion) {
    this.input.value = suggestion.text;
    this.input.focus();
    this.#ask();
  }

  async #go(at) {
    const { answered } = this;
    if (!this.hits[at]) await this.#fetch(at).catch((problem) => this.view.voice.note(problem.message));
    const hit = this.hits[at];
    if (!hit || answered !== this.answered) return;
    this.at = at;
    this.row = this.rows.findIndex((row) => row.at === at);
    this.#mark();
    this.#show(false);
    const isWeight = hit.kind === "weight";
    await this.view.reveal(hit.graph, hit.id, !isWeight);
    if (!isWeight) return;
    this.view.choose(choiceOf(hit.choice));
    await this.view.reach.ask(usesOf([hit.choice]));
    this.view.reach.frame();
  }

  /** Let all hits stand out. */
  async #light() {
    if (await this.view.reach.ask(this.#text)) this.#show(false);
  }

  #mark() {
    this.rows?.forEach(({ element: row }, i) => row.setAttribute("aria-selected", String(i === this.row)));
    const marked = this.rows?.[this.row]?.element;
    marked?.scrollIntoView({ block: "nearest" });
    if (marked) this.input.setAttribute("aria-activedescendant", marked.id);
    else this.input.removeAttribute("aria-activedescendant");
    const total = this.total.toLocaleString("en");
    this.count.textContent = !this.total ? "" : this.at >= 0 ? `${(this.at + 1).toLocaleString("en")}/${total}` : total;
  }

  #show(open) {
    this.list.hidden = !open || !this.list.firstChild;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
  }

  // -- The keyboard ----------------------------------------------------------------------------------------------

  #key(event) {
    event.stopPropagation();
    const { key, shiftKey, altKey } = event;
    if (key === "Escape") this.#leave(); // what was found stays, for F3
    else if (key === "ArrowDown" || key === "ArrowUp") this.#move(key === "ArrowDown" ? 1 : -1);
    else if (key === "F3") this.step(shiftKey ? -1 : 1);
    else if (key === "Enter") altKey ? this.#light() : this.#enter(shiftKey ? -1 : 1);
    else if (key === "Tab" && !shiftKey && !this.list.hidden && this.suggestions.length) {
      this.#complete(this.suggestions[this.row] ?? this.suggestions[0]);
    } else return;
    event.preventDefault();
  }

  #move(by) {
    this.#show(true);
    if (!this.rows.length) return;
    this.row = this.row < 0 && by < 0 ? this.rows.length - 1 : (this.row + by + this.rows.length) % this.rows.length;
    this.#mark();
  }

  /** Take the marked row, else the first hit; with the list closed, the next hit. What was typed last counts. */
  async #enter(by) {
    if (this.answered !== this.input.value) await this.#ask();
    if (this.list.hidden) await this.step(by);
    else if (this.row >= 0) this.rows[this.row].run();
    else if (this.total) await this.#go(0);
  }

  #leave() {
    this.view.host.focus({ preventScroll: true });
  }
}

function option(name, title, aside) {
  return element(
    "button",
    { type: "button", class: name, role: "option", tabindex: "-1" },
    element("span", { class: "title", text: title }),
    element("span", { class: "subtitle", text: aside }),
  );
}
