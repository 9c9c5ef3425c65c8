/** Paints one frame of a scene on a canvas. */
import { visible } from "./camera.js";
import { paintChosenEdges, paintEdgeLabels, paintEdges } from "./paint_edges.js";
import { paintFlags, paintMarked } from "./paint_selection.js";
import { Detail, paintBadge, paintBox, paintFar, paintFarFrames, paintFrame, paintFrameTitle, paintRing, paintSeverity } from "./paint_boxes.js";
import { Lit, litEdge } from "./reach.js";
import { Kind } from "./scene.js";

/** How much is left of what a highlight fades. */
const FADED = 0.2;

/**
 * @typedef {Object} Look what is drawn besides the scene
 * @property {number} box the chosen box, -1: none
 * @property {{incoming: number[], outgoing: number[], value: number[]}} edges those of the choice
 * @property {number[]} company boxes that belong to the chosen one
 * @property {number} hovered the box under the pointer, -1: none
 * @property {Map<string, Object>} shades overlay: shades by box id; empty: the categories' colours
 * @property {Map<string, string>} marks overlay: colour of a dot by box id
 * @property {?{lit: Uint8Array, counts: Map<number, number>}} light highlight: see reach.js; null: nothing is faded
 * @property {?Object} marked what is selected, and where to cut: see marksIn in selection.js
 * @property {boolean} moving the camera is on its way: cheaper edges will do
 * @property {?{rects: Float32Array, t: number}} transition boxes on their way from where they were
 */

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {{width: number, height: number, ratio: number}} size in CSS pixels, and device pixels per CSS pixel
 * @param {Look} look
 * @returns {number} how many boxes and edges are in view
 */
export function paint(ctx, scene, camera, size, theme, look) {
  const { k, tx, ty } = camera;
  const { width, height, ratio } = size;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.fillStyle = theme.background;
  ctx.fillRect(0, 0, width, height);
  ctx.setTransform(k * ratio, 0, 0, k * ratio, tx * ratio, ty * ratio);

  const area = visible(camera, width, height);
  const boxes = scene.boxesIn(area);
  const edges = scene.edgesIn(area);
  const rectOf = rectsOf(scene, look.transition);
  const frames = boxes.filter((b) => scene.kind[b] === Kind.FRAME);
  const leaves = boxes.filter((b) => scene.kind[b] !== Kind.FRAME);

  if (k < Detail.SHAPE && !look.transition) paintFarFrames(ctx, scene, frames, theme, k);
  else for (const box of frames) paintFrame(ctx, scene, box, rectOf(box), theme, k);
  const arrived = look.transition ? look.transition.t ** 2 : 1;
  const layers = layersOf(scene, edges, leaves, look.light);
  for (const layer of layers) {
    ctx.globalAlpha = arrived * layer.alpha;
    paintEdges(ctx, scene, layer.edges, theme, look, k);
    ctx.globalAlpha = layer.alpha;
    paintLeaves(ctx, scene, layer.leaves, rectOf, theme, look, k);
  }
  const clear = layers.at(-1);
  if (!look.transition) {
    paintChosenEdges(ctx, scene, look.edges, theme, k);
    if (look.light) paintChosenEdges(ctx, scene, { value: strongest(scene, clear.edges, look.light) }, theme, k);
    if (!look.moving || edges.length < 600) paintEdgeLabels(ctx, scene, clear.edges, frames, theme, k);
  }
  for (const box of frames) paintFrameTitle(ctx, scene, box, rectOf(box), theme, k);
  if (k > 0.08) paintMarks(ctx, scene, clear.leaves, rectOf, theme, look, k);
  if (look.marked) paintMarked(ctx, scene, leaves, look.marked, rectOf, (box) => radiusOf(scene, box), theme, k);
  if (look.light) paintLights(ctx, scene, clear.leaves, rectOf, theme, look.light, k);
  for (const box of [...look.company, look.box]) {
    if (box < 0 || box >= scene.boxes) continue;
    const chosen = box === look.box;
    paintRing(ctx, rectOf(box), radiusOf(scene, box), theme.accent, chosen ? theme.halo : null, chosen ? k : 2 * k);
  }
  if (look.marked && !look.transition) paintFlags(ctx, scene, look.marked, rectOf, theme, k);
  return boxes.length + edges.length;
}

/** Paint, over everything else, a ring around what lies under the pointer. */
export function paintHovered(ctx, scene, { k, tx, ty }, { ratio }, theme, look) {
  const { hovered } = look;
  if (hovered < 0 || hovered >= scene.boxes || hovered === look.box) return;
  ctx.setTransform(k * ratio, 0, 0, k * ratio, tx * ratio, ty * ratio);
  paintRing(ctx, rectsOf(scene, look.transition)(hovered), radiusOf(scene, hovered), theme.accent, null, 2 * k);
}

/** What is painted one over the other: all at once, or what a highlight fades and then what it does not. */
function layersOf(scene, edges, leaves, light) {
  if (!light) return [{ alpha: 1, edges, leaves }];
  const layer = (alpha, isLit) => ({
    alpha,
    edges: edges.filter((edge) => litEdge(scene, light.lit, edge) > Lit.FADED === isLit),
    leaves: leaves.filter((box) => light.lit[box] > Lit.FADED === isLit),
  });
  return [layer(FADED, false), layer(1, true)];
}

function strongest(scene, edges, light) {
  return edges.filter((edge) => litEdge(scene, light.lit, edge) === Lit.STRONG);
}

/** Rings around the boxes that stand out most, and how many of what stands out each closed group hides. */
function paintLights(ctx, scene, leaves, rectOf, theme, light, k) {
  for (const box of leaves) {
    if (light.lit[box] === Lit.STRONG) paintRing(ctx, rectOf(box), radiusOf(scene, box), theme.accent, null, 1.4 * k);
    const count = light.counts.get(box);
    if (count && k > 0.08) paintBadge(ctx, rectOf(box), count.toLocaleString("en"), theme, k);
  }
}

function paintLeaves(ctx, scene, leaves, rectOf, theme, look, k) {
  const overlaid = look.shades.size > 0;
  const shadeOf = (box) => {
    if (!overlaid) return null;
    return look.shades.get(scene.idOf(box)) ?? (scene.kind[box] <= Kind.GROUP ? theme.neutral : null);
  };
  if (k < Detail.SHAPE) {
    paintFar(ctx, scene, leaves, theme, shadeOf);
    return;
  }
  for (const box of leaves) paintBox(ctx, scene, box, rectOf(box), theme, shadeOf(box), k);
}

function paintMarks(ctx, scene, leaves, rectOf, theme, look, k) {
  for (const box of leaves) {
    const color = look.marks.get(scene.idOf(box)) ?? theme.severity[scene.severity[box]];
    if (color) paintSeverity(ctx, rectOf(box), color, theme, k);
  }
}

function radiusOf(scene, box) {
  const kind = scene.kind[box];
  if (kind === Kind.INPUT || kind === Kind.OUTPUT || kind === Kind.STUB) return scene.rectOf(box).h / 2 + 1;
  return kind === Kind.FRAME ? 11 : 8;
}

function rectsOf(scene, transition) {
  if (!transition) return (box) => scene.rectOf(box);
  const { rects, t } = transition;
  return (box) => {
    const i = 4 * box;
    const part = (j) => rects[i + j] + (scene.rect[i + j] - rects[i + j]) * t;
    return { x: part(0), y: part(1), w: part(2), h: part(3) };
  };
}
