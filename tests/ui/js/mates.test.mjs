/** Which box stands for which, looked up from either side. */
import assert from "node:assert/strict";
import test from "node:test";

const { Mates } = await import(`${process.env.MODULES}/mates.js`);

const mates = new Mates({
  runs: [[0, 1, 3], [5, 20, 1], [6, 4, 2]],
  others: [[["n:3", "n:4"], ["n:9"]], [["i:x"], ["i:image"]]],
  groups: [{ "s:a": "s:b", "s:gone": "" }, { "s:b": "s:a" }],
  parents: [{}, { "s:m/~x3..9": "s:m/b", "s:m/b": "" }],
  differences: [{ left: ["n:3", "n:4"], right: ["n:9"] }, { left: ["n:6"], right: ["n:4"] }],
});

test("a node stands for a node, several for one, an end for an end", () => {
  assert.deepEqual(["n:0", "n:2", "n:5", "n:7", "n:8"].map((id) => mates.of(0, id)), [["n:1"], ["n:3"], ["n:20"], ["n:5"], []]);
  assert.deepEqual(["n:0", "n:1", "n:3", "n:4", "n:5", "n:20"].map((id) => mates.of(1, id)), [[], ["n:0"], ["n:2"], ["n:6"], ["n:7"], ["n:5"]]);
  assert.deepEqual(mates.of(0, "n:4"), ["n:9"]);
  assert.deepEqual(mates.of(1, "n:9"), ["n:3", "n:4"]);
  assert.deepEqual(mates.of(1, "i:image"), ["i:x"]);
  assert.deepEqual(mates.company(0, "n:3"), ["n:3", "n:4"]);
  assert.deepEqual(mates.company(0, "n:0"), ["n:0"]);
});

test("groups have the same id, another one or no counterpart; those around one are known", () => {
  assert.deepEqual(["s:a", "s:gone", "s:same"].map((id) => mates.of(0, id)), [["s:b"], [], ["s:same"]]);
  assert.deepEqual(mates.around(0, "s:a/b/c"), ["s:a/b/c", "s:a/b", "s:a"]);
  assert.deepEqual(mates.around(1, "s:m/~x3..9"), ["s:m/~x3..9", "s:m/b"]);
});

test("a box knows the difference that it is part of", () => {
  assert.deepEqual([mates.difference(0, "n:4"), mates.difference(1, "n:4"), mates.difference(0, "n:0")], [0, 1, -1]);
});
