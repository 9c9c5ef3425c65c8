/** Getting scenes: how the graph is shown, what is asked for, and what becomes of it. */
import * as chrome from "./chrome.js";

/** What is expanded (ids, "*" for all, null for the useful level), without groups or with, "down" or "right". */
const MODES = { expanded: null, flat: false, direction: "down" };

export class Loader {
  /** @param view the GraphView */
  constructor(view) {
    this.view = view;
    this.begin(MODES);
  }

  /** Forget what was asked for: another graph is shown. */
  begin(modes) {
    this.modes = modes;
    this.wish = {};
  }

  /** How the graph is about to be shown. */
  get wanted() {
    const { expanded, flat, direction } = { ...this.modes, ...this.wish };
    return { expanded, flat, direction };
  }

  /**
   * Fetch and show a scene.
   * @param {Object} change changed modes, and: `reveal` an id that must be visible, `choose` an id to choose, `anchor` a box
   *   that keeps its place, `look` bring the choice into view, `camera` where to look, `tell` tell Python
   */
  async load(change) {
    const { view } = this;
    this.stop();
    const pending = (this.pending = new AbortController());
    const wish = (this.wish = { ...this.wish, ...change }); // what was asked for and is not shown yet still holds
    const { wanted } = this;
    const known = wish.choose && !view.scene ? wish.choose : "";
    view.host.dataset.state = "loading";
    view.parts.progress.hidden = false;
    if (!view.scene) chrome.notice(view.parts.notice, "loading", "Laying out the graph…");
    try {
      const question = { graph: view.graph, ...wanted, reveal: wish.reveal ?? known };
      const scene = await view.source.scene(question, pending.signal);
      if (pending.signal.aborted) return;
      this.begin({ ...wanted, expanded: wanted.expanded || wish.reveal ? [...scene.meta.expanded] : null });
      view.show(scene, wish);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.wish = {};
      view.parts.progress.hidden = true;
      view.host.dataset.state = "error";
      const retry = { label: "Try again", run: () => this.load(wish) };
      chrome.notice(view.parts.notice, "error", problem.message, retry);
    }
  }

  stop() {
    this.pending?.abort();
  }
}
