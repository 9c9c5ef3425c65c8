/** Where scenes and search results come from: the server's routes, with a small cache. */
import { unpack } from "./scene.js";

/** This module lies at `…/graphdebug/static/<digest>/graph_view/js/`; the routes are beside `static`. */
const ROOT = new URL("../../../../", import.meta.url);
const KEPT = 6;
/** A URL longer than this may be refused by a proxy; then the same question is posted. */
const LONGEST_URL = 6000;

export class Source {
  /** `revision`: how often the model was edited, so that an earlier state is not taken for this one. */
  constructor(model, revision = 0) {
    this.revision = revision;
    this.base = new URL(`models/${encodeURIComponent(model)}/`, ROOT);
    this.scenes = new Map();
  }

  /**
   * Fetch a scene.
   * @param {Object} question
   * @param {string} question.graph graph path
   * @param {?string[]} question.expanded ids of expanded groups, ["*"]: all; null: the useful level
   * @param {boolean} question.flat
   * @param {string} question.direction "down" or "right"
   * @param {string} question.reveal id of a box or value that must become visible; "": none
   * @param {AbortSignal} signal
   * @returns {Promise<Scene>}
   */
  async scene({ graph, expanded, flat, direction, reveal }, signal) {
    const query = new URLSearchParams({ revision: this.revision, graph, flat: flat ? "1" : "0", direction });
    if (expanded) query.set("expanded", expanded.join(","));
    if (reveal) query.set("reveal", reveal);
    const key = query.toString();
    const known = this.scenes.get(key);
    if (known) return known;
    const url = new URL("scene", this.base);
    let response;
    if (key.length > LONGEST_URL) {
      const headers = { "X-Graphdebug": "1", "Content-Type": "application/x-www-form-urlencoded" };
      response = await ask(url, { method: "POST", headers, body: key, signal });
    } else {
      url.search = key;
      response = await ask(url, { signal });
    }
    const scene = unpack(await response.arrayBuffer());
    this.scenes.set(key, scene);
    if (this.scenes.size > KEPT) this.scenes.delete(this.scenes.keys().next().value);
    return scene;
  }

  /** Ask about boxes: {names, entering, leaving}. */
  selected(graph, ids) {
    return this.#post("selection", { graph, ids: JSON.stringify(ids) });
  }

  /** Ask for the part of a graph between values: {nodes, groups, places, count} (api/selection.py). */
  part(graph, from, to) {
    return this.#post("part", { graph, from: JSON.stringify(from), to: JSON.stringify(to) });
  }

  /** Have the graph drawn, around the boxes `ids` if there are any: {blob, name, notice} (api/pictures.py). */
  async picture({ format, theme, graph, flat, direction, expanded, ids, overlay }) {
    const asked = { format, theme, graph, flat: flat ? "1" : "0", direction, expanded: expanded.join(",") };
    if (ids.length) asked.ids = JSON.stringify(ids);
    if (overlay) asked.overlay = JSON.stringify(overlay);
    const answer = await this.#send("picture", asked);
    const name = decodeURIComponent(/filename\*?=(?:utf-8'')?"?([^";]+)/i.exec(answer.headers.get("Content-Disposition"))?.[1] ?? `graph.${format}`);
    return { blob: await answer.blob(), name, notice: answer.headers.get("X-Notice") };
  }

  async #post(route, fields) {
    return (await this.#send(route, fields)).json();
  }

  #send(route, fields) {
    const headers = { "X-Graphdebug": "1", "Content-Type": "application/x-www-form-urlencoded" };
    return ask(new URL(route, this.base), { method: "POST", headers, body: new URLSearchParams(fields).toString() });
  }

  /** Search all graphs, this one first, leaving out `skip` hits; returns {hits, total, problem, notice, suggestions} (api/search.py). */
  async search(graph, text, skip, signal) {
    const url = new URL("search", this.base);
    url.search = new URLSearchParams({ graph, q: text, skip });
    return (await ask(url, { signal })).json();
  }

  /** Ask what stands for what in another model's graph; `graph` is this one's, or (`side` 1) the other one's (api/matches.py). */
  async matches(other, graph, side) {
    const url = new URL("matches", this.base);
    url.search = new URLSearchParams({ other, graph, side: side ? "right" : "left" });
    return (await ask(url, {})).json();
  }

  /** Ask for what a search lets stand out: {title, boxes, strong, inside} (view/search.py). */
  async highlight(graph, text) {
    const url = new URL("highlight", this.base);
    url.search = new URLSearchParams({ graph, q: text });
    return (await ask(url, {})).json();
  }
}

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error("The server cannot be reached. Is graphdebug still running?");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Error(answer.error ?? `The server answered ${response.status}.`);
}
