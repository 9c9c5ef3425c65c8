/** Reads a packed scene (docs/architecture.md, "The packed scene") and answers questions about it. */
import { Buckets } from "./buckets.js";

export const Kind = Object.freeze({ NODE: 0, GROUP: 1, FRAME: 2, INPUT: 3, OUTPUT: 4, STUB: 5 });

const TYPES = { f4: Float32Array, i4: Int32Array, u1: Uint8Array };
const BUCKET = 400;

/**
 * Unpack the bytes of a scene.
 * @param {ArrayBuffer} buffer
 * @returns {Scene}
 */
export function unpack(buffer) {
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, 4));
  if (magic !== "GDS1") throw new Error("The server did not answer with a scene.");
  const length = new DataView(buffer).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const base = Math.ceil((8 + length) / 8) * 8;
  const sections = {};
  for (const [name, [dtype, offset, count]] of Object.entries(header.sections)) {
    const Type = TYPES[dtype];
    // A copy, so that an offset which is no multiple of four does no harm.
    sections[name] = new Type(buffer.slice(base + offset, base + offset + count * Type.BYTES_PER_ELEMENT));
  }
  return new Scene(header.meta, header.strings, sections);
}

export class Scene {
  constructor(meta, strings, sections) {
    this.meta = meta;
    this.strings = strings;
    this.rect = sections.box_rect;
    this.kind = sections.box_kind;
    this.category = sections.box_category;
    this.id = sections.box_id;
    this.op = sections.box_op;
    this.label = sections.box_label;
    this.chips = sections.box_chips;
    this.parent = sections.box_parent;
    this.count = sections.box_count;
    this.severity = sections.box_severity;
    this.weights = sections.box_weights;
    this.ends = sections.edge_ends;
    this.value = sections.edge_value;
    this.edgeLabel = sections.edge_label;
    this.edgeCount = sections.edge_count;
    this.start = sections.edge_start;
    this.points = sections.edge_points;
    this.boxes = this.kind.length;
    this.edges = this.value.length;
    this.down = meta.direction !== "right";
    this.byId = new Map();
    for (let b = 0; b < this.boxes; b++) this.byId.set(strings[this.id[b]], b);
    this.depth = depths(this.parent);
    this.#index();
  }

  /** Return a string of the table, "" for none. */
  text(index) {
    return index < 0 ? "" : this.strings[index];
  }

  idOf(box) {
    return this.text(this.id[box]);
  }

  /** Return the box with this id, -1 when it is not part of the scene. */
  boxOf(id) {
    return this.byId.get(id) ?? -1;
  }

  rectOf(box) {
    const i = box * 4;
    return { x: this.rect[i], y: this.rect[i + 1], w: this.rect[i + 2], h: this.rect[i + 3] };
  }

  /** The rectangle around some boxes. */
  around(boxes) {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const box of boxes) {
      const { x, y, w, h } = this.rectOf(box);
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x + w), Math.max(bottom, y + h)];
    }
    return { x: left, y: top, w: right - left, h: bottom - top };
  }

  /** Boxes that touch the rectangle, frames before what they hold. */
  boxesIn({ x, y, w, h }) {
    const found = this.down ? this.boxBuckets.query(y, y + h) : this.boxBuckets.query(x, x + w);
    return found.filter((b) => {
      const i = b * 4;
      return (
        this.rect[i] <= x + w &&
        this.rect[i] + this.rect[i + 2] >= x &&
        this.rect[i + 1] <= y + h &&
        this.rect[i + 1] + this.rect[i + 3] >= y
      );
    });
  }

  /** Edges whose bounding box touches the rectangle. */
  edgesIn({ x, y, w, h }) {
    const found = this.down ? this.edgeBuckets.query(y, y + h) : this.edgeBuckets.query(x, x + w);
    const { left, right, top, bottom } = this.bounds;
    return found.filter((e) => left[e] <= x + w && right[e] >= x && top[e] <= y + h && bottom[e] >= y);
  }

  /** Edges at a box: {incoming, outgoing}. A frame has those of what it holds that cross its border. */
  edgesAt(box) {
    const incoming = [];
    const outgoing = [];
    for (let e = 0; e < this.edges; e++) {
      const tail = this.isWithin(this.ends[2 * e], box);
      const head = this.isWithin(this.ends[2 * e + 1], box);
      if (head && !tail) incoming.push(e);
      if (tail && !head) outgoing.push(e);
      if (tail && head && this.kind[box] !== Kind.FRAME) outgoing.push(e);
    }
    return { incoming, outgoing };
  }

  isWithin(box, ancestor) {
    for (let b = box; b >= 0; b = this.parent[b]) if (b === ancestor) return true;
    return false;
  }

  /** Edges that carry the named value. */
  edgesOf(value) {
    const found = [];
    for (let e = 0; e < this.edges; e++) if (this.text(this.value[e]) === value) found.push(e);
    return found;
  }

  /** The box to look at for an id: the box itself, or the producer of a value (`v:name`); -1 when not visible. */
  anchorOf(id) {
    const box = this.boxOf(id);
    if (box >= 0 || !id.startsWith("v:")) return box;
    const name = id.slice(2);
    const edges = this.edgesOf(name);
    if (edges.length) return this.ends[2 * edges[0]];
    return Math.max(this.boxOf(`i:${name}`), this.boxOf(`o:${name}`));
  }

  #index() {
    const extent = (offset) => {
      const low = new Float32Array(this.boxes);
      const high = new Float32Array(this.boxes);
      for (let b = 0; b < this.boxes; b++) {
        low[b] = this.rect[4 * b + offset];
        high[b] = low[b] + this.rect[4 * b + offset + 2];
      }
      return [low, high];
    };
    this.boxBuckets = new Buckets(...extent(this.down ? 1 : 0), BUCKET);
    const bounds = {};
    for (const side of ["left", "right", "top", "bottom"]) bounds[side] = new Float32Array(this.edges);
    for (let e = 0; e < this.edges; e++) {
      let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
      for (let p = this.start[e]; p < this.start[e + 1]; p++) {
        const x = this.points[2 * p];
        const y = this.points[2 * p + 1];
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        if (y > bottom) bottom = y;
      }
      bounds.left[e] = left;
      bounds.right[e] = right;
      bounds.top[e] = top;
      bounds.bottom[e] = bottom;
    }
    this.bounds = bounds;
    this.edgeBuckets = this.down
      ? new Buckets(bounds.top, bounds.bottom, BUCKET)
      : new Buckets(bounds.left, bounds.right, BUCKET);
  }
}

/** How deep each box lies in frames; a frame comes before what it holds. */
function depths(parent) {
  const depth = new Uint16Array(parent.length);
  for (let b = 0; b < parent.length; b++) depth[b] = parent[b] >= 0 ? depth[parent[b]] + 1 : 0;
  return depth;
}
