/** A new scene arrives: where to look, and how its boxes travel from where they were. */
import { opening } from "./camera.js";
import { entrance } from "./navigate.js";
import { boxesBefore, nearest } from "./revision.js";

/** A scene of more boxes is shown at once. */
const ANIMATED = 2500;

/**
 * Put the camera where it belongs.
 * @param {Stage} stage
 * @param {Look} look its `transition` is set while boxes travel
 * @param {?Scene} old what was shown of the same graph
 * @param {Scene} scene
 * @param {{anchor: ?string, camera: ?Object, look: ?boolean}} wish `anchor`: the id of a box that stays where it is on the
 *   screen; `camera`: where to look; `look`: the choice will be brought into view; `edited`: the graph itself has changed
 */
export function arrive(stage, look, old, scene, wish) {
  const was = wish.edited && old ? boxesBefore(old, scene) : null;
  const now = was ? nearest(stage, old, was, scene.anchorOf(wish.choose ?? "")) : scene.anchorOf(wish.anchor ?? "");
  const before = was ? was[now] ?? -1 : old?.anchorOf(wish.anchor ?? "") ?? -1;
  look.transition = null;
  if (now >= 0 && before >= 0) {
    const from = old.rectOf(before);
    const to = scene.rectOf(now);
    const { k, tx, ty } = stage.camera;
    const shift = { x: from.x + from.w / 2 - (to.x + to.w / 2), y: from.y - to.y };
    stage.jump({ k, tx: tx + shift.x * k, ty: ty + shift.y * k });
    if (scene.boxes <= ANIMATED) travel(stage, look, old, scene, before, shift, was);
  } else if (wish.camera) stage.jump(wish.camera);
  else if (!old || old.down !== scene.down || !wish.look) stage.jump(first(stage, scene));
}

function first(stage, scene) {
  const [w, h] = scene.meta.size;
  const box = entrance(scene);
  const { x, y, w: width, h: height } = box >= 0 ? scene.rectOf(box) : { x: 0, y: 0, w: 0, h: 0 };
  const entry = { x: x + width / 2, y: y + height / 2 };
  return opening({ x: 0, y: 0, w, h }, entry, stage.room, scene.down);
}

/** Boxes start where they were (shifted with the camera); new ones grow out of the box that was opened. */
function travel(stage, look, old, scene, origin, shift, was) {
  const rects = new Float32Array(4 * scene.boxes);
  for (let b = 0; b < scene.boxes; b++) {
    const known = was ? was[b] : old.boxOf(scene.idOf(b));
    const { x, y, w, h } = old.rectOf(known >= 0 ? known : origin);
    rects.set([x - shift.x, y - shift.y, w, h], 4 * b);
  }
  const transition = (look.transition = { rects, t: 0 });
  stage.animate((t) => {
    if (look.transition !== transition) return; // Another scene has arrived meanwhile.
    transition.t = t;
    if (t >= 1) look.transition = null;
  });
}
