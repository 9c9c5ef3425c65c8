/** What stands around the canvas: toolbar, trail of graphs, legend, notices, tooltip. */
import { commandFor, perform } from "./commands.js";
import { element, iconButton } from "./dom.js";

/** The toolbar of a GraphView. Returns {element, flat, direction}: two toggles. */
export function toolbar(finder, view) {
  const button = (name, label, key) => iconButton(name, `${label} (${key})`, () => perform(view, commandFor(key), key));
  const flat = button("flat", "Flat: without groups", "g");
  const direction = button("direction", "Turn: downwards or to the right", "r");
  const group = (...buttons) => element("div", { class: "group", role: "group" }, ...buttons);
  const bar = element(
    "div",
    { class: "bar", role: "toolbar", "aria-label": "Graph" },
    finder.element,
    group(
      button("fit", "Fit everything", "f"),
      button("zoomOut", "Zoom out", "-"),
      button("zoomIn", "Zoom in", "+"),
    ),
    group(
      button("collapse", "Collapse all groups", "w"),
      button("expand", "Expand all groups", "e"),
      flat,
      direction,
      button("save", "Save a picture", "s"),
      button("help", "Keys", "?"),
    ),
  );
  return { element: bar, flat, direction };
}

/** The way back from a nested graph or function: `steps` are {graph, title}, outermost first, the last is shown now. */
export function trail(container, steps, open, back) {
  container.hidden = steps.length < 2;
  if (container.hidden) return;
  const links = steps.map(({ graph, title }, i) =>
    i === steps.length - 1
      ? element("span", { class: "here", "aria-current": "page", text: title })
      : element("button", { type: "button", text: title, on: { click: () => open(graph) } }),
  );
  const parts = links.flatMap((link, i) => (i ? [element("span", { class: "slash", text: "›" }), link] : [link]));
  container.replaceChildren(iconButton("back", "Back (Esc)", back), ...parts);
}

/** Legend of an overlay: {title, legend: [{label, color}]}; null hides it. */
export function legend(container, overlay) {
  container.hidden = !overlay?.legend?.length;
  if (container.hidden) return;
  const entries = overlay.legend.map(({ label, color }) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = color;
    return element("div", { class: "entry" }, swatch, element("span", { text: label }));
  });
  container.replaceChildren(
    element("div", { class: "name", text: overlay.title ?? "" }),
    element("div", { class: "entries" }, ...entries),
  );
}

/** A card in the middle of the view: loading, empty, error. `action` is {label, run}; null text hides it. */
export function notice(container, kind, text, action) {
  container.hidden = !text;
  container.className = `notice ${kind}`;
  if (!text) return;
  const button = action
    ? [element("button", { type: "button", text: action.label, on: { click: action.run } })]
    : [];
  container.replaceChildren(element("div", { class: "sentence", text }), ...button);
}

/** Put a tooltip of plain lines near a point of the view, inside it; no lines hide it. */
export function tooltip(container, lines, x, y, width, height) {
  container.hidden = !lines.length;
  if (!lines.length) return;
  container.replaceChildren(...lines.map((text, i) => element("div", { class: i ? "line" : "first", text })));
  const right = x > width - 280;
  container.style.left = right ? "auto" : `${x + 14}px`;
  container.style.right = right ? `${width - x + 14}px` : "auto";
  const low = y > height - 110;
  container.style.top = low ? "auto" : `${y + 16}px`;
  container.style.bottom = low ? `${height - y + 12}px` : "auto";
}
