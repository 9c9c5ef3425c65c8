/** Draws boxes, each kind in its own look, with as much detail as the zoom lets one read. */
import { counted } from "./choice.js";
import { Kind } from "./scene.js";
import { cut } from "./lettering.js";

const RADIUS = 7;
const PAD = 11;
/** A title is cut rather than written smaller than this (pixels of the scene). */
const SMALLEST = 9.6;
/** From which zoom a box has a shape, an op, and everything. */
export const Detail = Object.freeze({ SHAPE: 0.16, OP: 0.3, ALL: 0.62 });

/** The +/− button of a group, in scene coordinates. */
export function toggleRect(scene, box) {
  const { x, y, w } = scene.rectOf(box);
  return scene.kind[box] === Kind.FRAME ? { x: x + 7, y: y + 6, w: 16, h: 16 } : { x: x + w - 23, y: y + 7, w: 16, h: 16 };
}

/** Tinted background of an expanded group. `rect` may differ from the scene's while things move. */
export function paintFrame(ctx, scene, box, rect, theme, k) {
  rounded(ctx, rect, 10, frameFill(scene, box, theme), theme.frameBorder, Math.max(1, 0.7 / k));
}

/** Expanded groups seen from afar: one path for all that are equally deep, outer ones first. */
export function paintFarFrames(ctx, scene, frames, theme, k) {
  const byDepth = [];
  for (const box of frames) (byDepth[scene.depth[box]] ??= []).push(box);
  ctx.lineWidth = Math.max(1, 0.7 / k);
  ctx.strokeStyle = theme.frameBorder;
  byDepth.forEach((same) => {
    ctx.fillStyle = frameFill(scene, same[0], theme);
    trace(ctx, scene, same);
    ctx.fill();
    ctx.stroke();
  });
}

/** The title of an expanded group, over the edges that pass. */
export function paintFrameTitle(ctx, scene, box, rect, theme, k) {
  if (k < Detail.OP) return;
  const { title, aside, width, place } = frameTitle(ctx, scene, box, rect, theme);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillStyle = frameFill(scene, box, theme);
  ctx.fillRect(place.x, place.y, place.w, place.h);
  ctx.font = `400 10px ${theme.font}`;
  ctx.fillStyle = theme.muted;
  ctx.fillText(aside, rect.x + 29 + width + 7, rect.y + 14.5);
  ctx.font = `600 11px ${theme.font}`;
  ctx.fillStyle = theme.text;
  ctx.fillText(title, rect.x + 29, rect.y + 14.5);
  paintSign(ctx, { x: rect.x + 7, y: rect.y + 6, w: 16, h: 16 }, "−", theme);
}

/** A frame's title cut to its width, what stands beside it, the title's width, and the place of both. */
export function frameTitle(ctx, scene, box, rect, theme) {
  ctx.font = `600 11px ${theme.font}`;
  const title = cut(ctx, scene.text(scene.label[box]) || scene.text(scene.op[box]), rect.w - 34);
  const width = ctx.measureText(title).width;
  ctx.font = `400 10px ${theme.font}`;
  const aside = cut(ctx, asideOf(scene, box), rect.w - 46 - width);
  const beside = aside ? ctx.measureText(aside).width + 7 : 0;
  return { title, aside, width, place: { x: rect.x + 25, y: rect.y + 5, w: width + beside + 7, h: 18 } };
}

function frameFill(scene, box, theme) {
  return theme.frames[scene.depth[box] % theme.frames.length];
}

/** What stands beside a group's title: class, repetition, number of nodes. */
function asideOf(scene, box) {
  const count = `${scene.count[box]}`;
  return [scene.text(scene.op[box]), scene.text(scene.chips[box]), count].filter(Boolean).join(" · ");
}

/** Anything that is not a frame. `shade` overrides the category's shades (overlay); null: the category's. */
export function paintBox(ctx, scene, box, rect, theme, shade, k) {
  const kind = scene.kind[box];
  if (kind === Kind.NODE) paintNode(ctx, scene, box, rect, theme, shade ?? theme.categories[scene.category[box]], k);
  else if (kind === Kind.GROUP) paintGroup(ctx, scene, box, rect, theme, shade, k);
  else if (kind === Kind.STUB) paintStub(ctx, scene, box, rect, theme, k);
  else paintTerminal(ctx, scene, box, rect, theme, kind === Kind.INPUT, k);
}

/** Boxes seen from afar: one path per colour. */
export function paintFar(ctx, scene, boxes, theme, shadeOf) {
  const byColor = new Map();
  for (const box of boxes) {
    const color = farColor(scene, box, theme, shadeOf(box));
    if (!byColor.has(color)) byColor.set(color, []);
    byColor.get(color).push(box);
  }
  for (const [color, same] of byColor) {
    ctx.fillStyle = color;
    trace(ctx, scene, same);
    ctx.fill();
  }
}

/** Begin one path around many boxes. */
function trace(ctx, scene, boxes) {
  ctx.beginPath();
  for (const box of boxes) {
    const i = 4 * box;
    ctx.rect(scene.rect[i], scene.rect[i + 1], scene.rect[i + 2], scene.rect[i + 3]);
  }
}

function farColor(scene, box, theme, shade) {
  if (shade) return shade.far;
  switch (scene.kind[box]) {
    case Kind.GROUP:
      return theme.frameBorder;
    case Kind.INPUT:
      return theme.input;
    case Kind.OUTPUT:
      return theme.output;
    case Kind.STUB:
      return theme.faint;
    default:
      return theme.categories[scene.category[box]]?.far ?? theme.faint;
  }
}

/** Ring around the chosen or hovered box. */
export function paintRing(ctx, rect, radius, color, halo, k) {
  const width = Math.max(2, 1.6 / k);
  if (halo) {
    ctx.lineWidth = width * 3.2;
    ctx.strokeStyle = halo;
    path(ctx, grow(rect, width * 0.5), radius);
    ctx.stroke();
  }
  ctx.lineWidth = width;
  ctx.strokeStyle = color;
  path(ctx, grow(rect, width * 0.5), radius);
  ctx.stroke();
}

/** Dot of a finding at the box's corner. */
export function paintSeverity(ctx, rect, color, theme, k) {
  const radius = Math.max(4.5, 2.5 / k);
  ctx.beginPath();
  ctx.arc(rect.x + rect.w - 1, rect.y + 1, radius, 0, 2 * Math.PI);
  ctx.fillStyle = color;
  ctx.fill();
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = theme.background;
  ctx.stroke();
}

/** How many of what one looks for a group hides: a pill on its upper left corner, readable from afar. */
export function paintBadge(ctx, rect, text, theme, k) {
  const size = Math.min(Math.max(10.5, 9 / k), rect.h * 0.8);
  ctx.font = `650 ${size}px ${theme.font}`;
  const [w, h] = [ctx.measureText(text).width + size, size * 1.5];
  const place = { x: rect.x - 5, y: rect.y - h / 2, w, h };
  rounded(ctx, place, h / 2, theme.accent, theme.background, 1.5);
  ctx.fillStyle = theme.background;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(text, place.x + w / 2, place.y + h / 2 + size * 0.05);
}

function paintNode(ctx, scene, box, rect, theme, shade, k) {
  if (k > Detail.ALL) rounded(ctx, { ...rect, y: rect.y + 1.5 }, RADIUS, theme.shadow);
  rounded(ctx, rect, RADIUS, shade.fill, shade.border, 1);
  ctx.save();
  path(ctx, rect, RADIUS);
  ctx.clip();
  ctx.fillStyle = shade.strip;
  ctx.fillRect(rect.x, rect.y, 4, rect.h);
  ctx.restore();
  const opens = scene.meta.children?.[scene.idOf(box)];
  paintLines(ctx, scene, box, rect, { ...theme, muted: shade.line ?? theme.muted }, k, opens ? 18 : 0);
  if (opens && k > Detail.OP) paintOpens(ctx, rect, shade.strip);
  if (scene.weights[box] && k > Detail.ALL) paintWeights(ctx, rect, shade.strip);
}

function paintGroup(ctx, scene, box, rect, theme, shade, k) {
  const back = shade?.border ?? theme.groupBack;
  const border = shade?.border ?? theme.frameBorder;
  for (const shift of [5, 2.5]) {
    rounded(ctx, { x: rect.x + shift, y: rect.y + shift, w: rect.w - shift, h: rect.h }, RADIUS, back, border, 0.8);
  }
  const front = { x: rect.x, y: rect.y, w: rect.w - 2.5, h: rect.h - 1 };
  rounded(ctx, front, RADIUS, shade?.fill ?? theme.groupFill, border, 1.2);
  if (k < Detail.OP) return;
  paintSign(ctx, { x: rect.x + rect.w - 23, y: rect.y + 7, w: 16, h: 16 }, "+", theme);
  const count = counted(scene.count[box], "node");
  const title = scene.text(scene.label[box]) || scene.text(scene.op[box]);
  const extra = scene.text(scene.chips[box]) || (scene.label[box] >= 0 ? scene.text(scene.op[box]) : "");
  write(ctx, front, { ...theme, muted: shade?.line ?? theme.muted }, k, 0, 20, title, extra ? `${extra} · ${count}` : count, "");
}

function paintTerminal(ctx, scene, box, rect, theme, isInput, k) {
  const color = isInput ? theme.input : theme.output;
  rounded(ctx, rect, rect.h / 2, isInput ? theme.inputFill : theme.outputFill, color, 1.3);
  if (k < Detail.OP) return;
  const label = scene.text(scene.label[box]) || scene.text(scene.op[box]);
  const chips = scene.text(scene.chips[box]);
  write(ctx, rect, theme, k, 4, 4, label, k > Detail.ALL ? chips : "", "");
}

function paintStub(ctx, scene, box, rect, theme, k) {
  ctx.setLineDash([4, 3]);
  rounded(ctx, rect, rect.h / 2, theme.background, theme.muted, 1);
  ctx.setLineDash([]);
  if (k < Detail.OP) return;
  ctx.font = `500 10px ${theme.font}`;
  ctx.fillStyle = theme.muted;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const text = scene.text(scene.label[box]) || scene.text(scene.op[box]);
  ctx.fillText(cut(ctx, text, rect.w - 12), rect.x + rect.w / 2, rect.y + rect.h / 2 + 0.5);
}

function paintLines(ctx, scene, box, rect, theme, k, right) {
  if (k < Detail.OP) return;
  const label = k > Detail.ALL ? scene.text(scene.label[box]) : "";
  const chips = k > Detail.ALL ? scene.text(scene.chips[box]) : "";
  write(ctx, rect, theme, k, 2, right, scene.text(scene.op[box]), label, chips);
}

/** Title, a muted line and chips, centred; a title alone grows while the view is small, so that it stays readable. */
function write(ctx, rect, theme, k, left, right, title, line, chips) {
  const x = rect.x + PAD + left;
  const width = rect.w - PAD - left - 7;
  const large = k > Detail.ALL ? 12 : Math.min(12 * (Detail.ALL / k) ** 0.6, rect.h * 0.5, 17);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const lines = [title, k > Detail.ALL ? line : "", k > Detail.ALL ? chips : ""];
  const shown = lines.filter(Boolean).length;
  const gap = Math.min(15, (rect.h - 6) / Math.max(shown, 1));
  let y = rect.y + rect.h / 2 - ((shown - 1) * gap) / 2 + 0.5;
  ctx.fillStyle = theme.text;
  ctx.font = `650 ${large}px ${theme.font}`;
  // Rather a little smaller than cut: fonts differ in width, and a title may have grown too much.
  const room = (width - right) / ctx.measureText(title).width;
  if (room < 1) ctx.font = `650 ${Math.max(large * room, Math.min(large, SMALLEST))}px ${theme.font}`;
  ctx.fillText(cut(ctx, title, width - right), x, y);
  ctx.font = `400 10px ${theme.font}`;
  if (lines[1]) {
    y += gap;
    ctx.fillStyle = theme.muted;
    ctx.fillText(cut(ctx, lines[1], width), x, y);
  }
  if (lines[2]) {
    y += gap;
    const text = cut(ctx, lines[2], width - 6);
    rounded(ctx, { x: x - 4, y: y - 7, w: ctx.measureText(text).width + 8, h: 14 }, 4, theme.chip);
    ctx.fillStyle = theme.text;
    ctx.fillText(text, x, y + 0.5);
  }
}

function paintSign(ctx, rect, sign, theme) {
  rounded(ctx, rect, 4, theme.background, theme.frameBorder, 1);
  const [x, y] = [rect.x + rect.w / 2, rect.y + rect.h / 2];
  ctx.strokeStyle = theme.text;
  ctx.lineWidth = 1.4;
  ctx.beginPath();
  ctx.moveTo(x - 4, y);
  ctx.lineTo(x + 4, y);
  if (sign === "+") {
    ctx.moveTo(x, y - 4);
    ctx.lineTo(x, y + 4);
  }
  ctx.stroke();
}

/** Stacked bars in the lower right corner: this node holds weights. */
function paintWeights(ctx, rect, color) {
  const [right, bottom] = [rect.x + rect.w - 6, rect.y + rect.h - 5.5];
  ctx.fillStyle = color;
  for (const [row, width] of [8, 5.5, 3].entries()) ctx.fillRect(right - width, bottom - 1.6 - row * 2.9, width, 1.6);
}

/** Two overlapping sheets: this node holds a graph of its own. */
function paintOpens(ctx, rect, color) {
  const [x, y] = [rect.x + rect.w - 21, rect.y + 8];
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.3;
  ctx.strokeRect(x, y + 3, 8, 8);
  ctx.beginPath();
  ctx.moveTo(x + 3, y + 3);
  ctx.lineTo(x + 3, y);
  ctx.lineTo(x + 11, y);
  ctx.lineTo(x + 11, y + 8);
  ctx.lineTo(x + 8, y + 8);
  ctx.stroke();
}

function grow({ x, y, w, h }, by) {
  return { x: x - by, y: y - by, w: w + 2 * by, h: h + 2 * by };
}

function path(ctx, { x, y, w, h }, radius) {
  ctx.beginPath();
  ctx.roundRect(x, y, Math.max(w, 0), Math.max(h, 0), Math.min(radius, w / 2, h / 2));
}

function rounded(ctx, rect, radius, fill, stroke, width) {
  path(ctx, rect, radius);
  ctx.fillStyle = fill;
  ctx.fill();
  if (stroke) {
    ctx.lineWidth = width;
    ctx.strokeStyle = stroke;
    ctx.stroke();
  }
}
