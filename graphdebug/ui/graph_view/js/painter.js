/** Paints one frame of a scene on a canvas. */
import { visible } from "./camera.js";
import { paintChosenEdges, paintEdgeLabels, paintEdges } from "./paint_edges.js";
import { Detail, paintBox, paintFar, paintFrame, paintFrameTitle, paintRing, paintSeverity } from "./paint_boxes.js";
import { Kind } from "./scene.js";

/**
 * @typedef {Object} Look what is drawn besides the scene
 * @property {number} box the chosen box, -1: none
 * @property {{incoming: number[], outgoing: number[], value: number[]}} edges those of the choice
 * @property {number} hovered the box under the pointer, -1: none
 * @property {Map<string, Object>} shades overlay: shades by box id; empty: the categories' colours
 * @property {Map<string, string>} marks overlay: colour of a dot by box id
 * @property {boolean} moving the camera is on its way: cheaper edges will do
 * @property {?{rects: Float32Array, t: number}} transition boxes on their way from where they were
 */

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {{width: number, height: number, ratio: number}} size in CSS pixels, and device pixels per CSS pixel
 * @param {Look} look
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

  for (const box of frames) paintFrame(ctx, scene, box, rectOf(box), theme, k);
  ctx.globalAlpha = look.transition ? look.transition.t ** 2 : 1;
  paintEdges(ctx, scene, edges, theme, look, k);
  ctx.globalAlpha = 1;
  paintLeaves(ctx, scene, leaves, rectOf, theme, look, k);
  if (!look.transition) {
    paintChosenEdges(ctx, scene, look.edges, theme, k);
    if (!look.moving || edges.length < 600) paintEdgeLabels(ctx, scene, edges, frames, theme, k);
  }
  for (const box of frames) paintFrameTitle(ctx, scene, box, rectOf(box), theme, k);
  if (k > 0.08) paintMarks(ctx, scene, leaves, rectOf, theme, look, k);
  for (const box of [look.hovered, look.box]) {
    if (box < 0 || box >= scene.boxes) continue;
    const chosen = box === look.box;
    paintRing(ctx, rectOf(box), radiusOf(scene, box), theme.accent, chosen ? theme.halo : null, chosen ? k : 2 * k);
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
