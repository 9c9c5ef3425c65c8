/** The mouse, the pen and the finger: what a click means and what is said under the pointer. */
import { NOTHING, choiceOf, describe } from "./choice.js";
import * as chrome from "./chrome.js";
import { listen } from "./gestures.js";
import { element } from "./dom.js";
import { hit } from "./hit.js";
import { Kind } from "./scene.js";
import { idsOf, idsWithin } from "./selection.js";
import { follow } from "./stubs.js";

/** Under this zoom the title of a frame cannot be read, so the tooltip says it. */
const TITLES_FROM = 0.3;
const AWAY = -1e6;

export class Pointer {
  /** @param view the GraphView; the pointer acts on its canvas. */
  constructor(view) {
    this.view = view;
    this.hovered = { box: -1, edge: -1 };
    this.band = element("div", { class: "band", hidden: true });
    /** The next drag is a rubber band: for fingers, which have no Shift. */
    this.armed = false;
    listen(view.canvas, {
      pan: (dx, dy) => view.stage.pan(dx, dy),
      zoom: (x, y, factor) => view.stage.zoom(x, y, factor),
      click: (x, y, shift) => (shift ? this.#shiftClick(x, y) : this.#click(x, y)),
      doubleClick: (x, y) => this.#doubleClick(x, y),
      hover: (x, y) => this.#hover(x, y),
      leave: () => this.#hover(AWAY, AWAY),
      bands: () => this.armed,
      band: (area, done) => this.#band(area, done),
      menu: (x, y) => this.#menu(x, y),
    });
  }

  /** Let the next drag be a rubber band, or not after all; returns whether it was to be one. */
  arm(armed) {
    const { view, armed: before } = this;
    this.armed = armed;
    view.canvas.style.cursor = armed ? "crosshair" : "";
    if (armed) view.voice.note("Drag around boxes to select them.");
    return before;
  }

  /** Another scene: what was under the pointer is no more. */
  forget() {
    this.hovered = { box: -1, edge: -1 };
    this.view.look.hovered = -1;
    this.view.parts.tooltip.hidden = true;
  }

  #at(x, y) {
    const { scene, stage } = this.view;
    const { k, tx, ty } = stage.camera;
    return scene ? hit(scene, (x - tx) / k, (y - ty) / k, k) : { box: -1, edge: -1, toggle: false };
  }

  #click(x, y) {
    const { view } = this;
    const { scene, parts } = view;
    view.host.focus({ preventScroll: true });
    view.menu.close();
    parts.tooltip.hidden = true;
    if (!scene) return;
    const { box, edge, toggle } = this.#at(x, y);
    if (toggle) view.toggle(scene.idOf(box));
    else if (box >= 0 && scene.kind[box] === Kind.STUB) follow(view, box);
    else if (box >= 0) view.choose(choiceOf(scene.idOf(box)));
    else if (edge >= 0) view.choose(choiceOf(`v:${scene.text(scene.value[edge])}`));
    else if (view.choice.id) view.choose(NOTHING);
  }

  #shiftClick(x, y) {
    const { view } = this;
    const { scene } = view;
    view.host.focus({ preventScroll: true });
    const { box, edge } = this.#at(x, y);
    if (!scene || (box < 0 && edge < 0)) return;
    const ids = box >= 0 ? idsOf(scene, box) : [`v:${scene.text(scene.value[edge])}`];
    view.marking.begin(ids);
    view.marking.toggle(ids);
  }

  /** The rubber band: `area` in pixels of the view; null: given up. */
  #band(area, done) {
    const { view } = this;
    this.band.hidden = done || !area;
    if (done) this.arm(false);
    if (!area) return;
    Object.assign(this.band.style, { left: `${area.x}px`, top: `${area.y}px`, width: `${area.w}px`, height: `${area.h}px` });
    if (!done || !view.scene) return;
    view.host.focus({ preventScroll: true });
    const { k, tx, ty } = view.stage.camera;
    view.marking.begin();
    view.marking.add(idsWithin(view.scene, { x: (area.x - tx) / k, y: (area.y - ty) / k, w: area.w / k, h: area.h / k }));
  }

  #menu(x, y) {
    const { view } = this;
    view.parts.tooltip.hidden = true;
    view.menu.openFor(this.#at(x, y), x, y);
  }

  #doubleClick(x, y) {
    const { box, toggle } = this.#at(x, y);
    if (box >= 0 && !toggle) this.view.activate(box);
  }

  #hover(x, y) {
    const { view } = this;
    const { scene } = view;
    if (!scene) return;
    const found = this.#at(x, y);
    const { width, height, camera } = view.stage;
    const isFrame = found.box >= 0 && scene.kind[found.box] === Kind.FRAME;
    const tip = isFrame && camera.k > TITLES_FROM ? [] : describe(scene, found, view.texts);
    chrome.tooltip(view.parts.tooltip, tip, x, y, width, height);
    view.canvas.style.cursor = this.armed ? "crosshair" : found.box >= 0 || found.edge >= 0 ? "pointer" : "grab";
    if (found.box === this.hovered.box && found.edge === this.hovered.edge) return;
    this.hovered = found;
    view.look.hovered = found.box;
    view.stage.invalidate(true);
  }
}
