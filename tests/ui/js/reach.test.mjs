/** What a highlight lets stand out in a scene that the Python side packed (see ../test_graph_view_js.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const MODULES = process.env.MODULES;
const load = (name) => import(`${MODULES}/${name}.js`);
const { Kind, unpack } = await load("scene");
const { Lit, light, litEdge, tally } = await load("reach");

const read = (name) => {
  const file = readFileSync(`${MODULES}/${name}.scene`);
  return unpack(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
};
const scene = read("down");
const closed = read("closed");
const at = (where, found, id) => found.lit[where.boxOf(id)];

test("boxes that are found stand out and all others are faded", () => {
  const found = light(scene, { boxes: new Set(["n:0", "n:2"]), strong: new Set(["n:2"]), title: "Two" });
  assert.equal(at(scene, found, "n:0"), Lit.LIT);
  assert.equal(at(scene, found, "n:2"), Lit.STRONG);
  assert.equal(at(scene, found, "n:1"), Lit.FADED);
  assert.equal(found.lit.filter(Boolean).length, 2);
  assert.equal(tally(found), "2 shown");
});

test("an edge stands out as much as the lesser of its ends", () => {
  const found = light(scene, { boxes: new Set(["n:0", "n:2"]), strong: new Set(["n:2"]), title: "Two" });
  const levels = new Map();
  for (let e = 0; e < scene.edges; e++) {
    levels.set(`${scene.idOf(scene.ends[2 * e])}>${scene.idOf(scene.ends[2 * e + 1])}`, litEdge(scene, found.lit, e));
  }
  assert.equal(levels.get("n:0>n:2"), Lit.LIT);
  assert.equal(levels.get("n:1>n:2"), Lit.FADED);
});

test("what lies in an open group that is found stands out with it", () => {
  const found = light(scene, { boxes: new Set(["s:layers.1"]), title: "A group" });
  const frame = scene.boxOf("s:layers.1");
  assert.equal(scene.kind[frame], Kind.FRAME);
  for (let b = 0; b < scene.boxes; b++) assert.equal(Boolean(found.lit[b]), scene.isWithin(b, frame), scene.idOf(b));
});

test("a closed group that hides some stands out with their number", () => {
  const inside = new Map([["s:layers.0", 3], ["s:layers.2", 1200]]);
  const found = light(closed, { boxes: new Set(["n:0", "n:1", "n:2", "n:6", "i:x"]), title: "Hidden", inside });
  assert.equal(at(closed, found, "s:layers.0"), Lit.LIT);
  assert.equal(at(closed, found, "s:layers.1"), Lit.FADED);
  assert.deepEqual([...found.counts.values()], [3, 1200]);
  assert.equal(tally(found), "1 shown, 1,203 inside 2 closed groups");
  assert.equal(tally(light(closed, { boxes: new Set(["n:99"]), title: "Elsewhere" })), "not in this picture");
});
