/**
 * The graph view: fetches scenes, paints them, and tells Python what was chosen.
 *
 * `mount(root, data, emit)` makes it, or updates the one that `root` already holds. What it shows is kept in
 * sessionStorage, so that it stands as it was left after a page switch or a refresh.
 *
 * For tests the host element (`.graph-view`) has `data-state` ("loading", "ready", "error"), `data-boxes`,
 * `data-selected` (the choice), `data-selection` (how many are selected), and a property `graphView`: the GraphView
 * itself, whose `rectOf(id)` gives the client rectangle of a box and whose `frameTime` is the milliseconds the last frame
 * took to paint.
 */
import { arrive } from "./arrival.js";
import * as Camera from "./camera.js";
import { NOTHING, choiceOf, counted, edgesFor, graphTitle, spoken } from "./choice.js";
import * as chrome from "./chrome.js";
import { element } from "./dom.js";
import { Finder } from "./finder.js";
import { HINT } from "./key_sheet.js";
import { Keys } from "./keys.js";
import { Loader } from "./loader.js";
import { Menu } from "./menu.js";
import { adopt, isNews, recall, remember } from "./memory.js";
import { MiniMap } from "./minimap.js";
import { post, repeat } from "./outbox.js";
import { inShades } from "./overlay.js";
import { paint, paintHovered } from "./painter.js";
import { Pointer } from "./pointer.js";
import { Reach } from "./reach.js";
import { Kind } from "./scene.js";
import { ScopePath } from "./scopes.js";
import { Selection } from "./selection.js";
import { SelectionBar } from "./selection_bar.js";
import { Snapshot } from "./snapshot.js";
import { Source } from "./source.js";
import { Stage } from "./stage.js";
import { readTheme } from "./theme.js";
import { Voice } from "./voice.js";
import { functionOf, wayInto, wayTo } from "./way.js";

/**
 * @param {ShadowRoot|HTMLElement} root
 * @param {Object} data {model, graph, select: {seq, graph, id}, marks (see selection.js), actions: [{name, label, help, key,
 *   main}], overlay (see overlay.js), height}
 * @param {(messages: Object[]) => void} send takes to Python (see outbox.js): {what: "choice", model, graph, id, kind, marks, asked:
 *   [{act, ids}]}, where `marks` are there when they changed and `asked` are `actions` to do; {what: "drawn"} when there is a
 *   graph, if `data.awaited`
 */
export function mount(root, data, send) {
  const host = root.querySelector(".graph-view");
  if (host?.graphView) host.graphView.update(data, send);
  else new GraphView(root).update(data, send);
}

/** Take the view off the page. */
export function unmount(root) {
  root.querySelector(".graph-view")?.graphView?.destroy();
}

class GraphView {
  constructor(root) {
    this.scene = null;
    this.choice = NOTHING;
    this.follow = null; // {chosen, shown, moved, step}: another view is kept in step with this one, see pair.js
    this.loader = new Loader(this);
    this.snapshot = new Snapshot();
    this.look = { box: -1, edges: {}, hovered: -1, shades: new Map(), marks: new Map(), light: null, marked: null, company: [], moving: false, transition: null };
    this.#build(root);
  }

  // -- What Python says ------------------------------------------------------------------------------------------

  update(data, send) {
    const old = this.data;
    if (old && old.model !== data.model) this.voice.hurry();
    this.send = send;
    this.data = data;
    this.host.style.height = data.height ? `${data.height}px` : "";
    this.theme = readTheme(this.host, this.scene?.meta.categories ?? []);
    this.#overlay(data.overlay);
    const select = data.select ?? { seq: "", graph: data.graph ?? "", id: "" };
    if (data.like) adopt(data.model, data.like);
    const isOpen = old && (old.model === data.model || old.model === data.like);
    this.marking.update(data.model, data.marks, isOpen);
    this.reach.update(data.model, data.lit);
    if (!old) repeat(send);
    if (!isOpen) this.#openModel(data.model, select);
    else if (old.model !== data.model || old.revision !== data.revision) this.#showEdited(select);
    else if (isNews(data.model, select)) this.reveal(select.graph, select.id, false);
    this.stage.invalidate();
  }

  /** The same model after an edit: what one looks at stays where it is, and the choice in sight even if it is in a group now. */
  async #showEdited(select) {
    const source = (this.source = new Source(this.data.model, this.data.revision));
    const { graph, id } = isNews(this.data.model, select) ? select : { graph: this.graph, id: this.choice.id };
    if (graph !== this.graph) return void this.#enter(graph, id, false);
    this.marking.edited();
    const inSight = !this.choice.id || (this.scene && this.scene.anchorOf(this.choice.id) >= 0);
    const change = { choose: id, edited: true, tell: false };
    await this.loader.load(change);
    if (inSight && id && this.source === source && this.scene?.anchorOf(id) < 0) this.loader.load({ ...change, reveal: id });
  }

  #openModel(model, select) {
    this.source = new Source(model, this.data.revision);
    this.scene = null;
    const known = recall(model);
    const chosenElsewhere = isNews(model, select);
    const graph = chosenElsewhere || known.graph === undefined ? select.graph : known.graph;
    this.#enter(graph, chosenElsewhere ? select.id : recall(model, graph).choice ?? select.id, false);
  }

  #overlay(overlay) {
    const { shades, marks, legend } = inShades(overlay, this.theme);
    Object.assign(this.look, { shades, marks });
    this.texts = overlay?.texts ?? {};
    chrome.legend(this.parts.legend, legend);
    this.stage.foot = this.parts.legend.offsetHeight;
    this.#keepClear();
  }

  // -- Graphs and scenes -----------------------------------------------------------------------------------------

  /** Show a graph as it was left, with `id` chosen; `more`: see Loader.load. */
  #enter(graph, id, tell = true, more = {}) {
    this.voice.hurry();
    this.graph = graph;
    this.choice = NOTHING;
    const known = recall(this.data.model, graph);
    const first = recall(this.data.model).modes ?? {};
    remember({ graph }, this.data.model);
    const { expanded = null, flat = false, direction = first.direction ?? "down" } = known;
    this.loader.begin({ expanded, flat, direction });
    return this.loader.load({ camera: known.camera, choose: id ?? "", tell, ...more });
  }

  /** Open another graph: nested, a function's body, or the way back. */
  open(graph) {
    if (graph !== this.graph) this.#enter(graph, recall(this.data.model, graph).choice ?? "");
  }

  back() {
    const steps = this.#trail();
    if (steps.length > 1) this.open(steps.at(-2).graph);
  }

  /** Make a box or value visible, wherever it is, and choose it. */
  async reveal(graph, id, tell = true) {
    if (graph !== this.graph) await this.#enter(graph, id, tell, { reveal: id, look: true });
    else if (!id || (this.scene && this.scene.anchorOf(id) >= 0)) this.choose(choiceOf(id), { look: true, tell });
    else await this.loader.load({ reveal: id, choose: id, look: true, tell });
  }

  /** Expand or collapse a group; what one looked at stays where it is. */
  toggle(id) {
    const expanded = new Set(this.loader.wish.expanded ?? this.scene.meta.expanded);
    if (!expanded.delete(id)) expanded.add(id);
    return this.loader.load({ expanded: [...expanded], anchor: id });
  }

  setModes(changes) {
    const anchor = this.look.box >= 0 && changes.direction === undefined ? this.choice.id : "";
    return this.loader.load({ anchor, ...changes });
  }

  /** Show a scene that was asked for (see Loader). */
  show(scene, wish) {
    const { scene: old } = this;
    const sameGraph = old && old.meta.graph === scene.meta.graph && old.meta.model === scene.meta.model;
    const way = old && wayInto(scene.meta.graph, old.meta, this.#way(old.meta));
    if (way) remember({ way }, this.data.model, functionOf(scene.meta.graph));
    this.scene = scene;
    this.theme = readTheme(this.host, scene.meta.categories);
    arrive(this.stage, this.look, sameGraph ? old : null, scene, wish);
    this.pointer.forget();
    if (!sameGraph) this.marking.enter(wish.tell);
    const target = wish.choose === undefined ? this.choice : choiceOf(wish.choose);
    this.choose(target, { look: wish.look || (wish.choose && !wish.camera), tell: Boolean(wish.tell) && wish.choose !== undefined });
    this.#dress();
    this.#keepClear();
    this.#save();
    this.follow?.shown(this);
  }

  /** A legend takes room: what is wholly in view shall not lie under it. */
  #keepClear() {
    if (!this.scene || !this.stage.foot) return;
    const [w, h] = this.scene.meta.size;
    const { camera, width, height, room } = this.stage;
    const whole = { x: 0, y: 0, w, h };
    const inView = Camera.shows(camera, whole, { left: 0, top: 0, right: width, bottom: height });
    if (inView && !Camera.shows(camera, whole, room)) this.fit();
  }

  /** Everything around the canvas that depends on the scene. */
  #dress() {
    const { scene, host, parts, bar } = this;
    const hidden = scene.boxes === 0;
    chrome.notice(parts.notice, "empty", hidden ? "This graph has no nodes." : "");
    const omitted = (scene.meta.notices ?? []).join(" ");
    if (omitted && omitted !== this.read) {
      const read = { label: "Show what is drawn", run: () => { this.read = omitted; parts.notice.hidden = true; } };
      chrome.notice(parts.notice, "omitted", omitted, read);
    }
    chrome.trail(parts.trail, this.#trail(), (graph) => this.open(graph), () => this.back());
    parts.progress.hidden = true;
    parts.status.textContent = `${counted(scene.meta.nodes, "node")} · ${counted(scene.boxes, "box", "boxes")} shown`;
    bar.flat.setAttribute("aria-pressed", String(Boolean(scene.meta.flat)));
    bar.direction.setAttribute("aria-pressed", String(!scene.down));
    this.reach.dress();
    this.marking.dress();
    host.dataset.state = "ready";
    if (this.data.awaited) post(this.send, { what: "drawn" });
    host.dataset.boxes = scene.boxes;
  }

  #trail() {
    const { meta } = this.scene ?? { meta: { trail: [], graph: this.graph, title: "" } };
    const steps = this.#way(meta).map((graph) => ({ graph, title: graphTitle(graph) }));
    return [...steps, { graph: meta.graph, title: graphTitle(meta.graph) }];
  }

  #way(meta) {
    return wayTo(meta, recall(this.data.model, functionOf(meta.graph)).way);
  }

  // -- Choice ----------------------------------------------------------------------------------------------------

  /** Choose; `look` brings it into view, `tell` lets Python know. */
  choose(choice, { look = false, tell = true } = {}) {
    this.choice = choice;
    this.look.box = this.scene?.boxOf(choice.id) ?? -1;
    this.look.edges = edgesFor(this.scene, choice.id);
    this.host.dataset.selected = choice.id;
    this.voice.say(spoken(this.scene, choice.id, this.look));
    this.path.show();
    if (look) this.#lookAt(choice.id);
    remember({ choice: choice.id }, this.data.model, this.graph);
    this.stage.invalidate();
    if (!tell) return;
    this.voice.tell();
    this.follow?.chosen(this);
  }

  /** The ids of all that is selected. */
  get selection() {
    return this.marking.ids;
  }

  /** Select these boxes and no others. */
  select(ids) {
    this.marking.set(ids);
  }

  #lookAt(id) {
    const box = this.scene?.anchorOf(id) ?? -1;
    if (box < 0) return;
    const rect = this.scene.rectOf(box);
    const { camera, room } = this.stage;
    if (!Camera.shows(camera, rect, room)) this.stage.glide(Camera.centre(camera, rect, room));
  }

  /** Open what a box holds: expand a group, open a nested graph. */
  activate(box) {
    const { scene } = this;
    const id = scene.idOf(box);
    const kind = scene.kind[box];
    if (kind === Kind.GROUP || kind === Kind.FRAME) this.toggle(id);
    const graphs = scene.meta.children?.[id] ?? [];
    if (graphs.length === 1) this.open(graphs[0]);
    if (graphs.length < 2) return;
    const { camera } = this.stage;
    const rect = scene.rectOf(box);
    this.menu.openGraphs(graphs, rect.x * camera.k + camera.tx, (rect.y + rect.h) * camera.k + camera.ty + 4);
  }

  // -- The page --------------------------------------------------------------------------------------------------

  #build(root) {
    const part = (name, properties = {}) => element("div", { class: name, hidden: true, ...properties });
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.parts = {
      progress: part("progress"),
      trail: element("nav", { class: "trail", "aria-label": "Graphs", hidden: true }),
      legend: part("legend"),
      status: element("div", { class: "status" }),
      notice: part("notice", { role: "status" }),
      tooltip: part("tooltip"),
      sheet: part("sheet-place"),
    };
    this.finder = new Finder(this);
    this.reach = new Reach(this);
    this.voice = new Voice(this);
    this.marking = new Selection(this);
    this.selectionBar = new SelectionBar(this);
    this.path = new ScopePath(this);
    this.menu = new Menu(this);
    this.bar = chrome.toolbar(this.finder, this);
    this.map = new MiniMap((x, y) => this.stage.look(x, y));
    const { trail, legend, status, ...others } = this.parts;
    const head = element("div", { class: "head-line" }, trail, this.bar.element);
    const corner = element("div", { class: "corner" }, this.map.element, status);
    const notes = element("div", { class: "notes" }, this.selectionBar.element, this.path.element, legend);
    this.foot = element("div", { class: "foot-line" }, notes, corner);
    this.host = element(
      "div",
      { class: "graph-view", tabindex: "0", role: "application", "aria-label": "Graph of the model", "aria-description": HINT },
      this.canvas,
      head,
      this.reach.element,
      this.foot,
      ...Object.values(others),
      ...this.voice.elements,
      this.menu.element,
    );
    this.host.graphView = this;
    this.host.dataset.state = "loading";
    root.append(this.host);
    this.stage = new Stage(this.host, this.canvas, (...how) => this.#draw(...how), () => this.#save());
    this.stage.head = head;
    this.keys = new Keys(this);
    this.pointer = new Pointer(this);
    this.host.append(this.pointer.band);
  }

  zoom(factor) {
    this.stage.zoom(this.stage.width / 2, this.stage.height / 2, factor);
  }

  expandAll() {
    this.setModes({ expanded: ["*"], flat: false });
  }

  collapseAll() {
    this.setModes({ expanded: [], flat: false });
  }

  /** Downwards, or to the right. */
  turn() {
    const direction = this.loader.wanted.direction === "down" ? "right" : "down";
    remember({ modes: { direction } }, this.data.model);
    this.setModes({ direction });
  }

  /** Bring an area of the scene into view, the whole of it by default. */
  fit(area) {
    if (!this.scene) return;
    const [w, h] = this.scene.meta.size;
    this.stage.glide(Camera.fit(area ?? { x: 0, y: 0, w, h }, this.stage.room));
  }

  /** Let boxes stand out without choosing them: {boxes: Set of ids, title, …} (see reach.js); null lets go. */
  highlight(found) {
    this.reach.show(found);
  }

  #draw(size, camera, stale) {
    this.look.moving = this.stage.moving;
    const begin = performance.now();
    const ctx = this.canvas.getContext("2d", { alpha: false });
    if (this.scene) {
      const kept = (this.stage.travelling || !stale) && !this.look.transition;
      if (!kept || !this.snapshot.paint(ctx, this.scene, camera, size, this.theme.background)) {
        const painted = paint(ctx, this.scene, camera, size, this.theme, this.look);
        this.snapshot.take(this.canvas, this.scene, camera, painted);
      }
      paintHovered(ctx, this.scene, camera, size, this.theme, this.look);
      this.map.draw(this.scene, camera, size, this.theme, this.look);
    } else {
      ctx.fillStyle = this.theme?.background ?? "#fff";
      ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
    }
    this.frameTime = performance.now() - begin;
    this.follow?.moved(this);
  }

  #save() {
    if (!this.scene) return;
    const { expanded, flat, direction } = this.loader.modes;
    remember({ camera: this.stage.camera, expanded, flat, direction }, this.data.model, this.graph);
  }

  /** The rectangle of a box in client coordinates; null when it is not part of the scene. */
  rectOf(id) {
    const box = this.scene?.boxOf(id) ?? -1;
    if (box < 0) return null;
    const { x, y, w, h } = this.scene.rectOf(box);
    const { k, tx, ty } = this.stage.camera;
    const frame = this.canvas.getBoundingClientRect();
    return { x: frame.left + x * k + tx, y: frame.top + y * k + ty, width: w * k, height: h * k };
  }

  destroy() {
    this.loader.stop();
    this.voice.stop();
    this.stage.stop();
    this.keys.stop();
    this.host.remove();
  }
}
