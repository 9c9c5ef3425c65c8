/** Colours laid over the graph, in both themes and in pictures (see ../test_graph_view_js.py). */
import assert from "node:assert/strict";
import test from "node:test";

const { inShades } = await import(`${process.env.MODULES}/overlay.js`);
const { overlayFor } = await import(`${process.env.MODULES}/pictures.js`);

const OVERLAY = {
  title: "Latency",
  colors: { "n:0": "#f00", "n:1": "#00f", "s:a": "#f00" },
  legend: [{ label: "slow", color: "#f00" }, { label: "not run", color: "" }],
  marks: { "n:2": "#0f0" },
  dark: { "#f00": "#faa" },
};
const theme = (dark) => ({ dark, tint: (color) => ({ fill: color }), neutral: { far: "#888" } });

test("a colour of a scale has another in its place on a dark ground", () => {
  const light = inShades(OVERLAY, theme(false));
  const dark = inShades(OVERLAY, theme(true));
  assert.equal(light.shades.get("n:0").fill, "#f00");
  assert.equal(dark.shades.get("n:0").fill, "#faa");
  assert.equal(dark.shades.get("n:1").fill, "#00f");
  assert.equal(dark.shades.get("n:0"), dark.shades.get("s:a"));
  assert.deepEqual(dark.legend.legend, [{ label: "slow", color: "#faa" }, { label: "not run", color: "#888" }]);
  assert.deepEqual([...dark.marks], [["n:2", "#0f0"]]);
});

test("without an overlay nothing is coloured", () => {
  const { shades, legend } = inShades(null, theme(true));
  assert.equal(shades.size, 0);
  assert.deepEqual(legend.legend, []);
});

test("a picture gets the colours of what is in it", () => {
  const taken = overlayFor(OVERLAY, true, (id) => id !== "s:a");
  assert.deepEqual(taken.colors, { "#faa": ["n:0"], "#00f": ["n:1"] });
  assert.deepEqual(taken.legend, [["slow", "#faa"], ["not run", ""]]);
  assert.equal(overlayFor(null, true, () => true), null);
});
