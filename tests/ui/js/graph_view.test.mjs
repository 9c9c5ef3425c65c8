/** The pure parts of the graph view, on a scene that the Python side packed (see ../test_graph_view_js.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const MODULES = process.env.MODULES;
const load = (name) => import(`${MODULES}/${name}.js`);
const { Kind, unpack } = await load("scene");
const { Buckets } = await load("buckets");
const camera = await load("camera");
const { choiceOf, counted, describe, edgesFor, graphTitle } = await load("choice");
const { distance, middles } = await load("routes");
const { entrance, step } = await load("navigate");
const { functionOf, wayInto, wayTo } = await load("way");

const bytes = (name) => {
  const file = readFileSync(`${MODULES}/${name}.scene`);
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
};
const scene = unpack(bytes("down"));
const expected = JSON.parse(readFileSync(`${MODULES}/expected.json`));

test("a scene is read as it was packed", () => {
  assert.equal(scene.boxes, expected.boxes.length);
  expected.boxes.forEach((box, b) => {
    assert.equal(scene.idOf(b), box.id);
    assert.equal(scene.text(scene.op[b]), box.op);
    assert.equal(scene.kind[b], box.kind);
    assert.deepEqual(Object.values(scene.rectOf(b)).map(Math.fround), box.rect.map(Math.fround));
  });
  assert.deepEqual([...scene.ends], expected.ends.flat());
});

test("what is no scene is refused", () => {
  assert.throws(() => unpack(new TextEncoder().encode("<html></html>").buffer), /scene/);
});

test("boxes in view are those a plain search finds", () => {
  const [w, h] = scene.meta.size;
  for (let i = 0; i < 60; i++) {
    const area = { x: ((i * 37) % 97) * (w / 97) - 50, y: ((i * 53) % 89) * (h / 89) - 50, w: 40 + i * 13, h: 30 + i * 17 };
    const inside = [];
    for (let b = 0; b < scene.boxes; b++) {
      const r = scene.rectOf(b);
      if (r.x <= area.x + area.w && r.x + r.w >= area.x && r.y <= area.y + area.h && r.y + r.h >= area.y) inside.push(b);
    }
    assert.deepEqual(scene.boxesIn(area), inside);
  }
});

test("edges end at their boxes, and their distance there is nothing", () => {
  for (let e = 0; e < scene.edges; e++) {
    const last = scene.start[e + 1] - 1;
    assert.ok(distance(scene, e, scene.points[2 * last], scene.points[2 * last + 1]) < 0.01);
    assert.ok(middles(scene, e).every((each, i, all) => !i || each.length <= all[i - 1].length));
  }
});

test("buckets find intervals of any length once, and nothing outside", () => {
  const low = Float32Array.from([0, 10, 10, 5000, -300]);
  const high = Float32Array.from([5, 4000, 10, 5001, -200]);
  const buckets = new Buckets(low, high, 100);
  assert.deepEqual(buckets.query(0, 60).sort(), [0, 1, 2]);
  assert.deepEqual(buckets.query(3900, 3950), [1]);
  assert.deepEqual(buckets.query(9000, 9100), []);
  assert.deepEqual(buckets.query(-1e9, 1e9).length, 5);
  assert.deepEqual(new Buckets(new Float32Array(), new Float32Array(), 10).query(0, 1), []);
});

test("zooming keeps the point under the pointer", () => {
  const before = { k: 0.7, tx: 30, ty: -400 };
  const after = camera.zoomAt(before, 250, 130, 1.7);
  const at = (c) => [(250 - c.tx) / c.k, (130 - c.ty) / c.k];
  at(before).forEach((value, i) => assert.ok(Math.abs(value - at(after)[i]) < 1e-9));
  assert.equal(camera.zoomAt(before, 0, 0, 1e9).k, camera.MAX_ZOOM);
});

test("fitting shows everything clear of what stands over the view, opening is readable", () => {
  const room = { left: 28, top: 56, right: 772, bottom: 500 };
  const tall = { x: 0, y: 0, w: 300, h: 20000 };
  const whole = camera.fit(tall, room);
  assert.ok(whole.ty >= room.top - 1e-9 && whole.ty + tall.h * whole.k <= room.bottom + 1e-9);
  const opened = camera.opening(tall, { x: 150, y: 0 }, room, true);
  assert.ok(opened.k > 0.5 && opened.ty === room.top);
  const late = camera.opening(tall, { x: 150, y: 9000 }, room, true);
  const y = 9000 * late.k + late.ty;
  assert.ok(y > room.top && y < room.bottom);
  const wide = { x: 0, y: 0, w: 3000, h: 3000 };
  for (const [x, left] of [[10, 0], [1500, undefined], [2995, 3000 - 744 / 0.66]]) {
    const cut = camera.opening(wide, { x, y: 0 }, room, true); // what shows is full: nothing beyond the scene's edges
    const shown = (room.left - cut.tx) / cut.k;
    assert.ok(shown >= -1e-9 && shown + (room.right - room.left) / cut.k <= wide.w + 1e-9);
    if (left !== undefined) assert.ok(Math.abs(shown - left) < 1);
    assert.ok(x >= shown && x <= shown + (room.right - room.left) / cut.k);
  }
  const square = { x: 0, y: 0, w: 200, h: 200 };
  const small = camera.opening(square, { x: 0, y: 0 }, room, true);
  assert.ok(camera.shows(small, square, room));
  assert.ok(!camera.shows({ ...small, ty: 400 }, square, room));
  const centred = camera.centre({ k: 0.1, tx: 9999, ty: 0 }, square, room);
  assert.ok(camera.shows(centred, square, room));
});

test("a camera on its way starts here and ends there", () => {
  const [from, to] = [{ k: 0.2, tx: 5, ty: 6 }, { k: 2, tx: -700, ty: 80 }];
  for (const [t, end] of [[0, from], [1, to]]) {
    const now = camera.between(from, to, t);
    for (const key of ["k", "tx", "ty"]) assert.ok(Math.abs(now[key] - end[key]) < 1e-9);
  }
});

test("arrow keys walk along edges and back", () => {
  let box = entrance(scene);
  assert.equal(scene.kind[box], Kind.INPUT);
  const walked = [box];
  for (let next = step(scene, box, "forward"); next >= 0; next = step(scene, next, "forward")) walked.push(next);
  assert.equal(scene.kind[walked.at(-1)], Kind.OUTPUT);
  assert.ok(step(scene, walked.at(-1), "backward") >= 0);
  assert.equal(step(scene, -1, "left"), entrance(scene));
});

test("a choice highlights what belongs to it", () => {
  for (let b = 0; b < scene.boxes; b++) {
    const { incoming, outgoing } = edgesFor(scene, scene.idOf(b));
    for (const e of incoming) assert.ok(scene.isWithin(scene.ends[2 * e + 1], b));
    for (const e of outgoing) assert.ok(scene.isWithin(scene.ends[2 * e], b));
  }
  const value = scene.text(scene.value[0]);
  assert.ok(edgesFor(scene, `v:${value}`).value.includes(0));
  assert.equal(scene.anchorOf(`v:${value}`), scene.ends[0]);
  assert.deepEqual(choiceOf("s:a/b"), { id: "s:a/b", kind: "group" });
  assert.equal(choiceOf("").id, "");
});

test("a frame counts only edges that cross its border", () => {
  const frame = [...scene.kind].findIndex((kind) => kind === Kind.FRAME);
  const { incoming, outgoing } = scene.edgesAt(frame);
  for (const e of [...incoming, ...outgoing]) {
    assert.notEqual(scene.isWithin(scene.ends[2 * e], frame), scene.isWithin(scene.ends[2 * e + 1], frame));
  }
});

test("texts are plain", () => {
  assert.equal(counted(1, "box", "boxes"), "1 box");
  assert.equal(counted(2979, "node"), "2,979 nodes");
  assert.equal(graphTitle("12.body/3.else_branch"), "else_branch");
  assert.equal(graphTitle("fn:dom:Gelu:"), "Gelu");
  assert.equal(graphTitle(""), "main");
  assert.equal(graphTitle("fn:d:a%3Ab%2Fc%25:"), "a:b/c%");
  const box = scene.boxOf(expected.hostile);
  assert.ok(describe(scene, { box, edge: -1 }, {}).length >= 1);
});

test("a scene to the right is a scene as well", () => {
  const right = unpack(bytes("right"));
  assert.equal(right.down, false);
  assert.equal(right.boxesIn({ x: -1e6, y: -1e6, w: 2e6, h: 2e6 }).length, right.boxes);
  assert.equal(right.kind[entrance(right)], Kind.INPUT);
});

test("an empty scene can be asked anything", () => {
  const empty = unpack(bytes("empty"));
  assert.equal(empty.boxes, 0);
  assert.deepEqual(empty.boxesIn({ x: 0, y: 0, w: 10, h: 10 }), []);
  assert.equal(step(empty, -1, "forward"), -1);
  assert.equal(empty.anchorOf("v:x"), -1);
});

test("the way back leads through the caller from which a function was opened", () => {
  const [outer, inner] = ["fn:d:Outer:", "fn:d:Switch:"];
  const from = (graph, opens, trail) => ({ graph, children: { "n:0": opens }, trail });
  const main = from("", [outer, inner], []);
  assert.deepEqual(wayInto(outer, main, []), [""]);
  const called = from(outer, [inner], [""]);
  assert.deepEqual(wayInto(inner, called, [""]), ["", outer]);
  assert.equal(wayInto(inner, from(outer, [], [""]), [""]), null);  // a jump, not a call
  assert.equal(wayInto("", called, [""]), null);  // the way back itself
  assert.deepEqual(wayInto(outer, from(inner, [outer], ["", outer]), ["", outer]), [""]);  // a circle does not grow
  assert.deepEqual(wayTo(from(inner, [], [""]), undefined), [""]);
  assert.deepEqual(wayTo(from(inner, [], [""]), ["", outer]), ["", outer]);
  assert.deepEqual(wayTo(from(`${inner}/3.body`, [], ["", inner]), ["", outer]), ["", outer, inner]);
  assert.deepEqual(wayTo(from("3.body", [], [""]), ["", outer]), [""]);
  assert.equal(functionOf(`${inner}/3.body`), inner);
});
