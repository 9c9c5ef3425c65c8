/** Finds the intervals that touch a range: items are registered in every bucket of fixed length that they span. */
export class Buckets {
  /**
   * @param {Float32Array} low lower end of each item
   * @param {Float32Array} high upper end of each item
   * @param {number} length bucket length
   */
  constructor(low, high, length) {
    const count = low.length;
    let first = Infinity;
    let last = -Infinity;
    for (let i = 0; i < count; i++) {
      if (low[i] < first) first = low[i];
      if (high[i] > last) last = high[i];
    }
    this.origin = count ? first : 0;
    // Whatever the size of the scene, a bounded number of buckets.
    this.length = Math.max(length, (last - first) / 4096 || 0);
    this.buckets = count ? Math.floor((last - first) / this.length) + 1 : 0;
    this.start = new Int32Array(this.buckets + 1);
    for (let i = 0; i < count; i++) {
      for (let b = this.#bucket(low[i]); b <= this.#bucket(high[i]); b++) this.start[b + 1]++;
    }
    for (let b = 0; b < this.buckets; b++) this.start[b + 1] += this.start[b];
    this.items = new Int32Array(this.start[this.buckets] || 0);
    const fill = this.start.slice();
    for (let i = 0; i < count; i++) {
      for (let b = this.#bucket(low[i]); b <= this.#bucket(high[i]); b++) this.items[fill[b]++] = i;
    }
    this.seen = new Int32Array(count);
    this.stamp = 0;
  }

  #bucket(value) {
    return Math.min(this.buckets - 1, Math.max(0, Math.floor((value - this.origin) / this.length)));
  }

  /** Return the items in the buckets that [low, high] touches, each once, in ascending order. */
  query(low, high) {
    const found = [];
    if (!this.buckets || high < this.origin || low > this.origin + this.buckets * this.length) return found;
    this.stamp++;
    const last = this.#bucket(high);
    for (let b = this.#bucket(low); b <= last; b++) {
      for (let k = this.start[b]; k < this.start[b + 1]; k++) {
        const item = this.items[k];
        if (this.seen[item] !== this.stamp) {
          this.seen[item] = this.stamp;
          found.push(item);
        }
      }
    }
    return found.sort((a, b) => a - b);
  }
}
