/** The groups around what is chosen, and which of them must stay open. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const MODULES = process.env.MODULES;
const { Kind, unpack } = await import(`${MODULES}/scene.js`);
const { framesAround, openFor } = await import(`${MODULES}/scopes.js`);

const file = readFileSync(`${MODULES}/down.scene`);
const scene = unpack(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
const frames = [...scene.kind.keys()].filter((box) => scene.kind[box] === Kind.FRAME);

test("the frames around a box come outermost first, those around an outer one are none", () => {
  const inner = scene.boxOf("n:4");
  const around = framesAround(scene, inner);
  assert.equal(around.at(-1), scene.parent[inner]);
  assert.deepEqual(framesAround(scene, scene.boxOf("i:x")), []);
  assert.deepEqual(framesAround(scene, -1), []);
});

test("open stays what holds the boxes, an open group itself, and both ends of a tensor", () => {
  const [first, second] = frames.map((box) => scene.idOf(box));
  assert.deepEqual(openFor(scene, ["n:0"]), [first]);
  assert.deepEqual(openFor(scene, [second]), [second]);
  assert.deepEqual(openFor(scene, ["n:0", "n:1", "n:4"]), [first, second]);
  const between = scene.text(scene.value[scene.edgesAt(frames[0]).outgoing[0]]);
  assert.deepEqual(openFor(scene, [`v:${between}`]), [first, second]);
  assert.deepEqual(openFor(scene, ["i:x", "n:999", "v:nowhere"]), []);
});
