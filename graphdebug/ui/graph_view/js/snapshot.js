/** The last picture of very many boxes: while the camera moves it moves, since painting them takes longer than a frame. */

/** Boxes and edges in view that are painted anew for every frame. */
const MANY = 10_000;
/** The picture is not stretched or shrunk further. */
const STRETCH = 1.6;
/** What of the scene in view the picture may lack. */
const LACKING = 0.2;

export class Snapshot {
  constructor() {
    this.picture = document.createElement("canvas");
    this.camera = null;
  }

  /**
   * Keep what has just been painted, if there was much of it.
   * @param {HTMLCanvasElement} canvas
   * @param {number} painted how many boxes and edges
   */
  take(canvas, scene, camera, painted) {
    this.camera = painted > MANY ? camera : null;
    this.scene = scene;
    if (!this.camera) return;
    const { picture } = this;
    if (picture.width !== canvas.width) picture.width = canvas.width;
    if (picture.height !== canvas.height) picture.height = canvas.height;
    picture.getContext("2d", { alpha: false }).drawImage(canvas, 0, 0);
  }

  /**
   * Paint the picture as the camera sees it now.
   * @returns {boolean} whether there is one that will do
   */
  paint(ctx, scene, camera, { width, height, ratio }, background) {
    const { picture, camera: from } = this;
    const { canvas } = ctx;
    if (!from || this.scene !== scene || picture.width !== canvas.width || picture.height !== canvas.height) return false;
    const scale = camera.k / from.k;
    if (Math.max(scale, 1 / scale) > STRETCH) return false;
    const place = { x: camera.tx - from.tx * scale, y: camera.ty - from.ty * scale, w: width * scale, h: height * scale };
    const [w, h] = scene.meta.size;
    const needed = common({ x: camera.tx, y: camera.ty, w: w * camera.k, h: h * camera.k }, { x: 0, y: 0, w: width, h: height });
    if (areaOf(common(needed, place)) < (1 - LACKING) * areaOf(needed)) return false;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = background;
    ctx.fillRect(0, 0, width, height);
    ctx.drawImage(picture, place.x, place.y, place.w, place.h);
    return true;
  }
}

function common(a, b) {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  return { x, y, w: Math.max(0, Math.min(a.x + a.w, b.x + b.w) - x), h: Math.max(0, Math.min(a.y + a.h, b.y + b.h) - y) };
}

function areaOf({ w, h }) {
  return w * h;
}
