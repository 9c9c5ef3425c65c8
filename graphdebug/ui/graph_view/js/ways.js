/** What leads where: what keys and menus let stand out, written as searches (docs/search.md). */
import { copy } from "./clipboard.js";
import { Kind } from "./scene.js";

/** Ids in one search, at most: it must fit into an address, and be read. */
const MOST = 80;

/** The search for all users of these values, or of what these nodes make. */
export function usesOf(ids) {
  return `uses:${places(ids)}`;
}

/** Entries of the table in commands.js. */
export const FINDING = [
  { group: "Find", keys: ["/"], show: "/", label: "search", run: (view) => view.finder.focus() },
  { group: "Find", keys: ["n", "N"], show: "n  N", label: "next hit, the one before", run: (view, key) => view.finder.step(key === "n" ? 1 : -1) },
  { group: "Find", keys: ["F3", "Shift+F3"], show: "F3  Shift F3", label: "the same, in the search box, too", run: (view, key) => view.finder.step(key === "F3" ? 1 : -1) },
  { group: "Find", keys: ["u"], show: "u", label: "upstream: all that leads to it", menu: "Show what leads here", on: (view, ids) => show(view, ids, (on) => `to:${places(on)}`) },
  { group: "Find", keys: ["d"], show: "d", label: "downstream: all that it leads to", menu: "Show where it leads", on: (view, ids) => show(view, ids, (on) => `from:${places(on)}`) },
  { group: "Find", keys: ["p"], show: "p", label: "all paths between two selected boxes", menu: pathsLabel, on: paths },
  { group: "Find", keys: ["a"], show: "a", label: "all nodes of its operator, all users of a tensor", menu: alikeLabel, on: (view, ids) => show(view, ids, (on) => alike(view, on)) },
  { group: "Find", keys: ["l"], show: "l", label: "copy a link to it", menu: "Copy a link", on: copyLink },
];

async function show(view, ids, write) {
  const on = folded(view.scene, ids);
  if (on.length > MOST) view.voice.note(`This works with up to ${MOST} boxes.`);
  else await view.reach.ask(write(on));
}

function pathsLabel(ids) {
  return ids.length === 2 ? "Show the paths between them" : "";
}

/** From the one to the other, whichever comes first. */
async function paths(view, ids) {
  const on = folded(view.scene, ids);
  if (on.length !== 2) {
    view.voice.note("Select two boxes first: Shift click.");
    return;
  }
  const [one, other] = on.map(quoted);
  const texts = [`from:${one} to:${other}`, `from:${other} to:${one}`];
  const found = await Promise.all(texts.map((text) => view.source.highlight(view.graph, text).catch(() => null)));
  const at = found.findIndex((each) => each?.boxes.length);
  if (at < 0) view.voice.note("Nothing leads from one to the other.");
  else await view.reach.ask(texts[at]);
}

function alikeLabel(ids) {
  return ids.every((id) => id.startsWith("v:")) ? "Show its users" : "Show all of this operator";
}

function alike({ scene }, ids) {
  const boxes = ids.map((id) => scene.boxOf(id)).filter((box) => box >= 0 && scene.op[box] >= 0);
  const ops = [...new Set(boxes.map((box) => scene.text(scene.op[box])).filter(Boolean))];
  return ops.length ? `op:=${ops.map(quoted).join("|")}` : usesOf(ids);
}

/** The same with frames in the place of all that they hold. */
export function folded(scene, ids) {
  if (ids.length < 2) return ids;
  const chosen = new Set(ids);
  const missing = new Set();
  for (let box = 0; box < scene.boxes; box++) {
    const counts = scene.kind[box] === Kind.NODE || scene.kind[box] === Kind.GROUP;
    if (!counts || chosen.has(scene.idOf(box))) continue;
    for (let above = scene.parent[box]; above >= 0; above = scene.parent[above]) missing.add(above);
  }
  const outermost = (id) => {
    let found = id;
    const box = scene.boxOf(id);
    for (let above = box < 0 ? -1 : scene.parent[box]; above >= 0; above = scene.parent[above]) {
      if (!missing.has(above)) found = scene.idOf(above);
    }
    return found;
  };
  return [...new Set(ids.map(outermost))];
}

async function copyLink(view, ids) {
  const done = await copy(linkTo(location.href, view, folded(view.scene, ids)));
  view.voice.note(done ? "Link copied" : "The browser does not let this page copy.");
}

/** The address `here`, with these boxes chosen or selected (ui/state.py). */
export function linkTo(here, { data, graph }, ids) {
  const link = new URL(here);
  const wanted = { model: data.model, graph: graph || null, node: null, value: null, selected: null, from: null, to: null };
  const [id] = ids;
  if (ids.length > 1 || id.startsWith("s:")) wanted.selected = ids.slice(0, MOST).map(escaped).join(",");
  else wanted[id.startsWith("n:") ? "node" : "value"] = id.slice(2);
  for (const [name, value] of Object.entries(wanted)) {
    if (value === null) link.searchParams.delete(name);
    else link.searchParams.set(name, value);
  }
  return link.href;
}

/** An id as it stands in a list of them (`ids_text` in ui/marks.py). */
function escaped(id) {
  return id.replace(/[%,*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
}

function places(ids) {
  return ids.map(quoted).join("|");
}

/** A value of a filter that means exactly itself (`quoted` in view/query.py). */
export function quoted(text) {
  return /^[\w./:-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
