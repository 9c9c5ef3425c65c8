/** Selecting and marking: which ids a gesture stands for, and how they look in a scene. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const MODULES = process.env.MODULES;
const load = (name) => import(`${MODULES}/${name}.js`);
const { Kind, unpack } = await load("scene");
const { idFor, idsOf, idsWithin, marksIn } = await load("selection");
const { COMMANDS, commandFor, nameOf } = await load("commands");

const read = (name) => {
  const file = readFileSync(`${MODULES}/${name}.scene`);
  return unpack(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
};
const [scene, closed] = [read("down"), read("closed")];
const ofKind = (one, kind) => [...one.kind.keys()].filter((box) => one.kind[box] === kind);

test("inputs and outputs are selected as values, stubs not at all", () => {
  assert.equal(idFor(scene, scene.boxOf("i:x")), "v:x");
  assert.equal(idFor(scene, scene.boxOf("o:y")), "v:y");
  assert.equal(idFor(scene, scene.boxOf("n:4")), "n:4");
});

test("an open group stands for all that it holds, a closed one for itself", () => {
  const [frame] = ofKind(scene, Kind.FRAME);
  const ids = idsOf(scene, frame);
  assert.ok(ids.length >= 2);
  assert.ok(ids.every((id) => scene.isWithin(scene.boxOf(id), frame)));
  const [group] = ofKind(closed, Kind.GROUP);
  assert.deepEqual(idsOf(closed, group), [closed.idOf(group)]);
});

test("a rubber band takes what lies wholly within it", () => {
  const { x, y, w, h } = scene.rectOf(scene.boxOf("n:4"));
  assert.deepEqual(idsWithin(scene, { x: x - 1, y: y - 1, w: w + 2, h: h + 2 }), ["n:4"]);
  assert.deepEqual(idsWithin(scene, { x: x + 1, y: y - 1, w: w + 2, h: h + 2 }), []);
  const [width, height] = scene.meta.size;
  const all = idsWithin(scene, { x: -1e6, y: -1e6, w: 2e6 + width, h: 2e6 + height });
  assert.equal(all.length, scene.boxes - ofKind(scene, Kind.FRAME).length);
});

test("marks of values lie on their lines and ends, those of boxes on boxes", () => {
  const value = scene.text(scene.value[scene.edgesAt(scene.boxOf("n:4")).outgoing[0]]);
  const ids = new Set(["n:4", "v:x", `v:${value}`, "n:999", "v:nowhere"]);
  const marks = marksIn(scene, { ids, from: ["x"], to: [value, "nowhere"] }, null);
  assert.deepEqual([...marks.boxes].map((box) => scene.idOf(box)).sort(), ["i:x", "n:4"]);
  assert.deepEqual(marks.edges, [...scene.edgesOf("x"), ...scene.edgesOf(value)]);
  assert.deepEqual(marks.flags.map(({ end, name }) => [end, name]), [["from", "x"], ["to", value], ["to", "nowhere"]]);
  assert.equal(marks.flags[0].box, scene.boxOf("i:x"));
  assert.equal(marks.flags[2].box, -1);
});

test("a part shows on its nodes, and on closed groups that hold some of it", () => {
  const group = closed.idOf(ofKind(closed, Kind.GROUP)[0]);
  const part = { nodes: new Set(["n:4"]), groups: { [group]: 1 }, places: { hidden: ["n:4", group] } };
  const nothing = { ids: new Set(), from: [], to: ["hidden"] };
  assert.deepEqual([...marksIn(scene, nothing, part).part], [scene.boxOf("n:4")]);
  const marks = marksIn(closed, nothing, part);
  assert.deepEqual([...marks.part], [closed.boxOf(group)]);
  assert.equal(marks.flags[0].box, closed.boxOf(group));
});

test("every key has one meaning, and says it", () => {
  const keys = COMMANDS.flatMap((command) => command.keys);
  assert.equal(new Set(keys).size, keys.length);
  for (const { label, show, run, on } of COMMANDS) assert.ok(label && show && Boolean(run) !== Boolean(on));
});

test("keys have names, whatever the keyboard", () => {
  const pressed = (key, more = {}) => nameOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more });
  assert.equal(pressed("?", { shiftKey: true }), "?");
  assert.equal(pressed(" "), "Space");
  assert.equal(pressed("ArrowUp", { shiftKey: true }), "Shift+ArrowUp");
  assert.equal(pressed("A", { metaKey: true }), "Ctrl+a");
  assert.equal(pressed("F10", { shiftKey: true }), "Shift+F10");
  assert.equal(commandFor(pressed("f", { altKey: true })), undefined);
});
