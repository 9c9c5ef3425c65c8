/** Where stubs lead (see ../test_graph_view_js.py). */
import assert from "node:assert/strict";
import test from "node:test";

const { farEnds, follow } = await import(`${process.env.MODULES}/stubs.js`);

test("the ids of far ends, whatever is in them", () => {
  assert.deepEqual(farEnds("t:3>n:12"), ["n:12"]);
  assert.deepEqual(farEnds("t:3>n:12,s:a%252C/b"), ["n:12", "s:a%2C/b"]);
  assert.deepEqual(farEnds("t:0>i:a%2C%252C>b"), ["i:a,%2C>b"]);
  assert.deepEqual(farEnds("t:0>"), []);
});

test("one far end is gone to, several are asked for", () => {
  const gone = [];
  let asked = [];
  const view = {
    graph: "",
    scene: {
      idOf: (stub) => ["t:0>n:1", "t:1>n:1,n:2"][stub],
      boxOf: () => -1,
      rectOf: () => ({ x: 0, y: 0, w: 1, h: 1 }),
      count: [1, 5],
    },
    stage: { camera: { k: 1, tx: 0, ty: 0 } },
    menu: { open: (entries) => (asked = entries) },
    reveal: (graph, id) => gone.push(id),
  };
  follow(view, 0);
  assert.deepEqual(gone, ["n:1"]);
  follow(view, 1);
  assert.deepEqual(asked.map((entry) => entry?.label), ["n:1", "n:2", undefined, "and 3 more"]);
  asked[1].run();
  assert.deepEqual(gone, ["n:1", "n:2"]);
});
