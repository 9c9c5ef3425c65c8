/**
 * Everything that a key does, and what the menus of boxes and lines hold. The `?` sheet is made from this table, too, so
 * what it says is what the keys do.
 *
 * `keys` are names as `nameOf` gives them; `show` is how the sheet writes them, `label` what it says they do.
 * `run(view, key)` does it. Instead, `on(view, ids)` does it with boxes and values: those under the pointer or selected,
 * and by key those selected, else chosen. Such a command is in the menu when it has a `menu`: the entry's text, or a
 * function of `ids` that returns it, "" for none.
 */
import { NOTHING, choiceOf } from "./choice.js";
import { toggleSheet } from "./key_sheet.js";
import { entrance, step } from "./navigate.js";
import { openPictures } from "./pictures.js";
import { Kind } from "./scene.js";
import { FOLDING } from "./scopes.js";
import { idsOf } from "./selection.js";
import { FINDING } from "./ways.js";

const ZOOM = 1.35;
/** Pixels of one press. */
const MOVE = 90;

const WAYS = {
  ArrowDown: ["forward", "right"],
  ArrowUp: ["backward", "left"],
  ArrowRight: ["right", "forward"],
  ArrowLeft: ["left", "backward"],
};
const MOVES = { ArrowDown: [0, -1], ArrowUp: [0, 1], ArrowRight: [-1, 0], ArrowLeft: [1, 0] };
const ARROWS = Object.keys(WAYS);

/** What the mouse and fingers do, for the sheet. pointer.js binds them. */
export const GESTURES = [
  ["click", "choose a node, group, line, input or output"],
  ["double click", "expand or collapse a group, open a nested graph"],
  ["Shift click", "take a box or line into the selection, or out"],
  ["Shift drag", "select what lies within; without Shift after b"],
  ["right click, long press", "what can be done there"],
  ["drag, two fingers", "move"],
  ["wheel, pinch", "zoom at the pointer"],
];

const many = (ids) => ids.length > 1;

/**
 * @type {{group: string, keys: string[], show: string, label: string, run: ?(view: Object, key: string) => void,
 *   on: ?(view: Object, ids: string[]) => void, menu: string|((ids: string[]) => string)|undefined}[]}
 */
export const COMMANDS = [
  { group: "Walk", keys: ARROWS, show: "↑ ↓ ← →", label: "along the lines to a producer or consumer, and to what is beside", run: walk },
  { group: "Walk", keys: ["Home", "End"], show: "Home  End", label: "first input, last output", run: (view, key) => end(view, key === "Home") },
  { group: "Walk", keys: ["v"], show: "v", label: "next tensor of the chosen box", run: nextValue },
  { group: "Walk", keys: ["Enter"], show: "Enter", label: "expand or collapse a group, open a nested graph", run: (view) => view.look.box >= 0 && view.activate(view.look.box) },
  { group: "Walk", keys: ["Backspace"], show: "⌫", label: "back to the graph around this one", run: (view) => view.back() },
  { group: "Select", keys: ["Space"], show: "Space", label: "take what is chosen into the selection, or out", run: (view) => view.marking.toggle(chosen(view)) },
  { group: "Select", keys: ARROWS.map((key) => `Shift+${key}`), show: "Shift ↑ ↓ ← →", label: "walk and select on the way", run: walkAndSelect },
  { group: "Select", keys: ["b"], show: "b", label: "select by dragging: the next drag is a rubber band", run: (view) => view.pointer.arm(true) },
  { group: "Select", keys: ["Ctrl+a"], show: "Ctrl A", label: "select all that is in view", run: (view) => view.marking.all() },
  { group: "Select", keys: ["["], show: "[", label: "cut from here: from what comes out", menu: "Cut from here", on: (view, ids) => view.marking.mark("from", ids) },
  { group: "Select", keys: ["]"], show: "]", label: "cut to here", menu: "Cut to here", on: (view, ids) => view.marking.mark("to", ids) },
  { group: "Select", keys: ["x"], show: "x", label: "cut out, from what goes in to what comes out", menu: cutOut, on: (view, ids) => view.marking.markAround(ids) },
  { group: "Select", keys: ["X"], show: "X", label: "forget where to cut", run: (view) => view.marking.forget() },
  { group: "Select", keys: ["c", "Ctrl+c"], show: "c", label: "copy names", menu: (ids) => (many(ids) ? "Copy names" : "Copy the name"), on: (view, ids) => view.marking.copyNames(ids) },
  { group: "Select", keys: ["m", "ContextMenu", "Shift+F10"], show: "m, menu key", label: "what can be done with it", run: (view) => view.menu.openAtChoice() },
  ...FINDING,
  { group: "Find", keys: [".", ","], show: ".  ,", label: "side by side: next difference, the one before", run: (view, key) => view.follow?.step(key === "." ? 1 : -1) },
  { group: "Look", keys: ["f"], show: "f", label: "fit everything", run: (view) => view.fit() },
  { group: "Look", keys: ["z"], show: "z", label: "go to what is chosen or selected", run: goThere },
  { group: "Look", keys: ["+", "=", "-"], show: "+  −", label: "zoom", run: (view, key) => view.zoom(key === "-" ? 1 / ZOOM : ZOOM) },
  { group: "Look", keys: ARROWS.map((key) => `Ctrl+${key}`), show: "Ctrl ↑ ↓ ← →", label: "move", run: (view, key) => view.stage.pan(...MOVES[key.slice(5)].map((way) => way * MOVE)) },
  { group: "Look", keys: ["PageDown", "PageUp"], show: "Page ↑ ↓", label: "move by a page along the graph", run: page },
  { group: "Look", keys: ["e"], show: "e", label: "expand all groups", run: (view) => view.expandAll() },
  { group: "Look", keys: ["w"], show: "w", label: "collapse all groups", run: (view) => view.collapseAll() },
  ...FOLDING,
  { group: "Look", keys: ["g"], show: "g", label: "with or without groups", run: (view) => view.setModes({ flat: !view.loader.wanted.flat }) },
  { group: "Look", keys: ["r"], show: "r", label: "turn: downwards or to the right", run: (view) => view.turn() },
  { group: "Look", keys: ["s"], show: "s", label: "save a picture, DOT or JSON", run: openPictures },
  { group: "Look", keys: ["?"], show: "?", label: "this sheet", run: toggleSheet },
  { group: "Look", keys: ["Escape"], show: "Esc", label: "let go: of the highlight, the selection, the choice; then back", run: letGo },
];

/** The name of a pressed key: `f`, `Space`, `Shift+ArrowUp`, `Ctrl+a`; "" for one that is none of ours. */
export function nameOf({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  if (altKey) return "";
  const named = key === " " ? "Space" : key;
  const ctrl = ctrlKey || metaKey ? "Ctrl+" : "";
  // The shift of a printed character is in the character already.
  const shift = shiftKey && named.length > 1 && named !== "Space" ? "Shift+" : "";
  return ctrl + shift + (ctrl && named.length === 1 ? named.toLowerCase() : named);
}

/** The command of a key; undefined: none. */
export function commandFor(name) {
  return COMMANDS.find(({ keys }) => keys.includes(name));
}

/** Do what a key stands for. */
export function perform(view, command, key) {
  if (command.run) command.run(view, key);
  else withTarget(view, (ids) => command.on(view, ids));
}

/** Do something with what is selected, else what is chosen. */
export function withTarget(view, run) {
  const ids = view.selection.size ? [...view.selection] : chosen(view);
  if (ids.length) run(ids);
  else view.voice.note("Choose or select something first.");
}

function cutOut(ids) {
  if (ids.every((id) => id.startsWith("v:"))) return "";
  return many(ids) ? "Cut these out" : "Cut this out";
}

function chosen(view) {
  if (view.look.box >= 0) return idsOf(view.scene, view.look.box);
  return view.choice.kind === "value" ? [view.choice.id] : [];
}

function walk(view, key) {
  if (!view.scene) return;
  const from = view.look.box >= 0 ? view.look.box : view.scene.anchorOf(view.choice.id);
  const to = step(view.scene, from, WAYS[key][view.scene.down ? 0 : 1]);
  if (to >= 0) view.choose(choiceOf(view.scene.idOf(to)), { look: true });
}

function walkAndSelect(view, key) {
  const before = chosen(view);
  walk(view, key.slice("Shift+".length));
  view.marking.add([...before, ...chosen(view)]);
}

function end(view, first) {
  const { scene } = view;
  if (!scene?.boxes) return;
  const along = (box) => (scene.down ? scene.rectOf(box).y : scene.rectOf(box).x);
  let last = -1;
  for (let box = 0; box < scene.boxes; box++) {
    if (scene.kind[box] === Kind.OUTPUT && (last < 0 || along(box) > along(last))) last = box;
  }
  const box = first || last < 0 ? entrance(scene) : last;
  if (box >= 0) view.choose(choiceOf(scene.idOf(box)), { look: true });
}

/** Choose the values at a box one after the other, those that go out first; the box they belong to stays remembered. */
function nextValue(view) {
  const { scene } = view;
  if (!scene) return;
  const box = view.look.box >= 0 ? view.look.box : scene.boxOf(view.valuesOf ?? "");
  if (box < 0) return;
  view.valuesOf = scene.idOf(box);
  const { incoming, outgoing } = scene.edgesAt(box);
  const ids = [...new Set([...outgoing, ...incoming].map((edge) => `v:${scene.text(scene.value[edge])}`))];
  const at = ids.indexOf(view.choice.id);
  if (ids.length) view.choose(choiceOf(ids[(at + 1) % ids.length]));
}

function goThere(view) {
  if (view.look.box >= 0) view.stage.centre(view.scene.rectOf(view.look.box));
  else if (view.look.marked?.boxes.size) view.fit(view.scene.around(view.look.marked.boxes));
}

function page(view, key) {
  const way = key === "PageDown" ? -0.8 : 0.8;
  if (view.scene?.down ?? true) view.stage.pan(0, way * view.stage.height);
  else view.stage.pan(way * view.stage.width, 0);
}

function letGo(view) {
  if (view.menu.close() || view.pointer.arm(false) || view.reach.clear() || view.marking.clear()) return;
  if (view.choice.id) view.choose(NOTHING);
  else view.back();
}
