// Streams dropped files to the server, one after the other, and says when the server has begun to open them.

const HEADERS = { "X-Graphdebug": "1" };
const zones = new WeakMap();

export default function ({ parentElement, setTriggerValue }) {
  let zone = zones.get(parentElement);
  if (!zone) {
    zone = new Zone(parentElement);
    zones.set(parentElement, zone);
  }
  const files = zone.stay(parentElement.querySelector(".zone"));
  clearTimeout(zone.leaving);
  zone.announce = (job) => setTriggerValue("dropped", { job });
  zone.take(files);
  // Streamlit may clean up only to call again at once (a rerun, another theme): an upload goes on then.
  return () => (zone.leaving = setTimeout(() => zone.cancel(), 250));
}

class Zone {
  constructor(parent) {
    const find = (selector) => parent.querySelector(selector);
    Object.assign(this, {
      root: find(".zone"), target: find(".target"), input: find("input"), progress: find(".progress"),
      name: find(".name"), bar: find(".bar"), detail: find(".detail"), error: find(".error"),
    });
    this.input.addEventListener("change", () => this.take([...this.input.files]));
    find(".cancel").addEventListener("click", () => this.cancel());
    for (const kind of ["dragenter", "dragover"]) {
      this.root.addEventListener(kind, (event) => { event.preventDefault(); this.root.classList.add("over"); });
    }
    this.root.addEventListener("dragleave", (event) => {
      if (!this.root.contains(event.relatedTarget)) this.root.classList.remove("over");
    });
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      this.root.classList.remove("over");
      this.take([...event.dataTransfer.files]);
    });
  }

  /** Take the place of `shown`, which Streamlit may have written anew; return what was chosen in it before this. */
  stay(shown) {
    const files = [...shown.querySelector("input").files];
    if (shown !== this.root) shown.replaceWith(this.root);
    return files;
  }

  async take(files) {
    if (!files.length || this.running) return;
    this.input.value = "";
    const twice = files.find((file, i) => files.findIndex((other) => other.name === file.name) < i);
    if (twice) return this.complain(`Two files called ${twice.name} were dropped: drop a .zip of their folder instead.`);
    this.running = { request: null, cancelled: false };
    this.show("uploading");
    let upload = null;
    try {
      const begun = await call("POST", "uploads");
      upload = begun.id;
      this.check(files, begun.limit);
      await this.send(upload, files);
      this.tell("Opening…", 1, "");
      const { job } = await call("POST", `uploads/${upload}/open`);
      upload = null;
      this.show("idle");
      this.announce(job);
    } catch (error) {
      this.show("idle");
      if (!this.running.cancelled) this.complain(error.message);
    } finally {
      this.running = null;
      if (upload) call("DELETE", `uploads/${upload}`).catch(() => {});
    }
  }

  /** The server refuses too much as well, but can be heard only when the browser has sent all of it. */
  check(files, limit) {
    const total = sum(files);
    if (total <= limit) return;
    const what = files.length > 1 ? "These files are" : `${files[0].name} is`;
    const allowed = `${bytes(total)} where an upload may be ${bytes(limit)} in all`;
    throw new Error(`${what} too large, ${allowed}: open the model by its path on this machine, or from the command line.`);
  }

  async send(upload, files) {
    const total = sum(files);
    const started = performance.now();
    let before = 0;
    for (const file of files) {
      await this.put(`uploads/${upload}/${encodeURIComponent(file.name)}`, file, (sent) => {
        const seconds = (performance.now() - started) / 1000;
        const rate = seconds > 0.5 ? ` · ${bytes((before + sent) / seconds)}/s` : "";
        this.tell(file.name, total ? (before + sent) / total : 1, `${bytes(before + sent)} of ${bytes(total)}${rate}`);
      });
      before += file.size;
    }
  }

  /** PUT one file with XMLHttpRequest: fetch cannot tell how much has been sent. */
  put(path, file, progressed) {
    return new Promise((resolve, reject) => {
      if (this.running.cancelled) return reject(new Error("cancelled"));
      const request = (this.running.request = new XMLHttpRequest());
      request.open("PUT", url(path));
      for (const [name, value] of Object.entries(HEADERS)) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => progressed(event.loaded);
      request.onload = () => (request.status < 400 ? resolve() : reject(new Error(sentence(request.responseText))));
      request.onerror = () => reject(new Error(`The upload of ${file.name} broke off: is the server still running?`));
      request.onabort = () => reject(new Error("cancelled"));
      progressed(0);
      request.send(file);
    });
  }

  cancel() {
    if (!this.running) return;
    this.running.cancelled = true;
    this.running.request?.abort();
  }

  show(state) {
    this.root.dataset.state = state;
    this.target.hidden = state !== "idle";
    this.progress.hidden = state === "idle";
    this.error.hidden = true;
  }

  tell(name, share, detail) {
    const percent = Math.round(share * 100);
    this.name.textContent = name;
    this.bar.style.width = `${percent}%`;
    this.bar.setAttribute("aria-valuenow", percent);
    this.detail.textContent = detail;
  }

  complain(message) {
    this.error.textContent = message;
    this.error.hidden = false;
  }
}

/** The address of one of our routes, whatever path the app is served under. */
function url(path) {
  return new URL(`graphdebug/${path}`, document.baseURI).href;
}

async function call(method, path) {
  const answer = await fetch(url(path), { method, headers: HEADERS });
  const text = await answer.text();
  if (!answer.ok) throw new Error(sentence(text));
  return text ? JSON.parse(text) : null;
}

function sentence(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return "The server did not understand the upload.";
  }
}

function sum(files) {
  return files.reduce((total, file) => total + file.size, 0);
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  for (; count >= 999.5 && unit < units.length - 1; unit += 1) count /= 1000;
  return `${Number(count.toPrecision(3))} ${units[unit]}`;
}
