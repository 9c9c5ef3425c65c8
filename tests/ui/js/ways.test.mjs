/** What keys and menus ask for about boxes (see ../test_graph_view_js.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const MODULES = process.env.MODULES;
const load = (name) => import(`${MODULES}/${name}.js`);
const { unpack } = await load("scene");
const { folded, linkTo, quoted, usesOf } = await load("ways");

const file = readFileSync(`${MODULES}/down.scene`);
const scene = unpack(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));

test("all that a frame holds is that frame", () => {
  assert.deepEqual(folded(scene, ["n:0", "n:1", "n:2", "n:6"]), ["s:layers.0", "n:6"]);
  assert.deepEqual(folded(scene, ["n:0", "n:2", "v:x"]), ["n:0", "n:2", "v:x"]);
  assert.deepEqual(folded(scene, ["n:0"]), ["n:0"]);
});

test("what is no plain word is quoted", () => {
  assert.equal(usesOf(["n:3", 'v:a "b" \\c|d']), 'uses:n:3|"v:a \\"b\\" \\\\c|d"');
  assert.equal(quoted("s:layers.0/act"), "s:layers.0/act");
});

test("a link says what is chosen, and nothing of what was", () => {
  const view = { data: { model: "m" }, graph: "" };
  const here = "http://h/graph?model=m&graph=2.body&value=old&selected=n:1";
  assert.equal(linkTo(here, view, ["n:7"]), "http://h/graph?model=m&node=7");
  assert.equal(linkTo(here, { ...view, graph: "1.b" }, ["v:a&b"]), "http://h/graph?model=m&graph=1.b&value=a%26b");
  const selected = new URL(linkTo(here, view, ["n:7", "s:a,b%"])).searchParams.get("selected");
  assert.equal(selected, "n:7,s:a%2Cb%25");
});
