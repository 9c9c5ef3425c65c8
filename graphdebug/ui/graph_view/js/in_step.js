/** Two views move, zoom and expand together: the one that is used leads, in the other its counterpart stays beside it. */
import { visible } from "./camera.js";
import { Kind } from "./scene.js";

/** Boxes that are tried as the one to hold on to. */
const MOST_TRIED = 1500;

export class InStep {
  /** @param pair the Pair: `views`, `mates` */
  constructor(pair) {
    this.pair = pair;
    this.on = true;
    this.leader = null;
    /** What the views hold on to, until it leaves the view: {own, other}, ids in the leader and in the other view. */
    this.anchor = null;
  }

  /** From now on this view leads. */
  lead(view) {
    if (this.leader === view) return;
    this.leader = view;
    this.anchor = null;
    this.seen = null;
  }

  /** A view was painted: when the leader's camera moved, the other one's does. */
  moved(view) {
    const { camera } = view.stage;
    if (view !== this.leader || !this.on || camera === this.seen) return;
    this.seen = camera;
    this.align();
  }

  /** Bring the other view to where the leader is. */
  align() {
    const [own, other] = this.#views();
    if (!this.on || !own?.scene || !other.scene) return;
    const anchor = this.#held(own, other);
    if (!anchor) return;
    const [here, there] = [top(own.scene, own.scene.boxOf(anchor.own)), top(other.scene, other.scene.boxOf(anchor.other))];
    const { k, tx, ty } = own.stage.camera;
    other.stage.jump({ k, tx: tx + (here.x - there.x) * k, ty: ty + (here.y - there.y) * k });
  }

  /** The leader shows another scene: what is expanded there is expanded in the other view. */
  async shown(view) {
    const { pair } = this;
    const [own, other] = this.#views();
    if (view !== own || !this.on || !other.scene || !pair.mates) return;
    const { flat, direction } = view.loader.modes;
    const [side, from] = [pair.views.indexOf(own), pair.views.indexOf(other)];
    const mated = own.scene.meta.expanded.flatMap((id) => pair.mates.of(side, id).flatMap((mate) => pair.mates.around(from, mate)));
    const unmated = other.scene.meta.expanded.filter((id) => !pair.mates.of(from, id).length);
    const wanted = { expanded: [...new Set([...mated, ...unmated])].sort(), flat, direction };
    const asked = JSON.stringify([pair.mates.found.graph, wanted]);
    if (asked === this.asked) return;
    this.asked = asked;
    await other.loader.load(wanted);
    this.align();
  }

  #views() {
    const { views } = this.pair;
    return this.leader === views[1] ? [views[1], views[0]] : views;
  }

  /** What is chosen on both sides, else what was held on to, else what is nearest to the middle. */
  #held(own, other) {
    const { camera, width, height } = own.stage;
    const area = visible(camera, width, height);
    const chosen = { own: own.choice.id, other: other.choice.id };
    const inView = ({ own: id, other: mate }) => {
      const box = own.scene.boxOf(id);
      if (box < 0 || other.scene.boxOf(mate) < 0) return false;
      const { x, y, w, h } = own.scene.rectOf(box);
      return x < area.x + area.w && x + w > area.x && y < area.y + area.h && y + h > area.y;
    };
    if (chosen.own && chosen.other && inView(chosen)) this.anchor = chosen;
    else if (!this.anchor || !inView(this.anchor)) this.anchor = this.#nearest(own, other, area);
    return this.anchor;
  }

  #nearest(own, other, area) {
    const { mates, views } = this.pair;
    if (!mates) return null;
    const side = views.indexOf(own);
    const distance = (box) => {
      const { x, y, w, h } = own.scene.rectOf(box);
      return Math.hypot(x + w / 2 - area.x - area.w / 2, y + h / 2 - area.y - area.h / 2);
    };
    const boxes = own.scene.boxesIn(area).filter((box) => own.scene.kind[box] !== Kind.STUB);
    const ranked = boxes.map((box) => [own.scene.kind[box] === Kind.FRAME, distance(box), box]);
    ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [, , box] of ranked.slice(0, MOST_TRIED)) {
      const id = own.scene.idOf(box);
      const mate = mates.of(side, id).find((each) => other.scene.boxOf(each) >= 0);
      if (mate) return { own: id, other: mate };
    }
    return null;
  }
}

/** The middle of a box's upper edge. */
function top(scene, box) {
  const { x, y, w } = scene.rectOf(box);
  return { x: x + w / 2, y };
}
