/** The shape of edges (see ../test_graph_view_js.py). */
import assert from "node:assert/strict";
import test from "node:test";

const { trace } = await import(`${process.env.MODULES}/routes.js`);

/** Draw one route; returns the calls that draw it. */
function drawn(route, curved) {
  const calls = [];
  const note = (name) => (...values) => calls.push([name, ...values]);
  const ctx = Object.fromEntries(["moveTo", "lineTo", "arcTo", "bezierCurveTo"].map((name) => [name, note(name)]));
  trace(ctx, { points: Float32Array.from(route.flat()), start: [0, route.length], down: true }, 0, curved);
  return calls;
}

test("a line that turns at a right angle has round corners, no larger than there is room", () => {
  const route = [[0, 0], [0, 100], [50, 100], [50, 90]];
  assert.deepEqual(drawn(route, true), [
    ["moveTo", 0, 0],
    ["arcTo", 0, 100, 50, 100, 8],
    ["arcTo", 50, 100, 50, 90, 5],
    ["lineTo", 50, 90],
  ]);
  assert.deepEqual(drawn(route, false).map(([name]) => name), ["moveTo", "lineTo", "lineTo", "lineTo"]);
});

test("a line that changes lanes is a curve between straight parts", () => {
  const names = drawn([[0, 0], [0, 100], [50, 150], [50, 200]], true).map(([name]) => name);
  assert.deepEqual(names, ["moveTo", "lineTo", "bezierCurveTo", "lineTo"]);
});
