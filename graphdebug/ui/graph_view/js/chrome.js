/** What stands around the canvas: toolbar, trail of graphs, legend, notices, key sheet, tooltip, menu. */
import { element, iconButton } from "./dom.js";

const KEYS = [
  ["wheel, pinch", "zoom at the pointer"],
  ["drag", "move"],
  ["click", "choose a node, group, edge, input or output"],
  ["double click, Enter", "expand or collapse a group, open a nested graph"],
  ["↑ ↓", "along the edges"],
  ["← →", "to the neighbour"],
  ["f", "fit everything"],
  ["+  −", "zoom"],
  ["/", "search"],
  ["Esc", "let go of the choice, then back to the outer graph"],
  ["?", "this sheet"],
];

/** The toolbar; `actions` maps each button's name to a handler. Returns {element, flat, direction}: two toggles. */
export function toolbar(finder, actions) {
  const flat = iconButton("flat", "Flat: without groups", actions.flat);
  const direction = iconButton("direction", "Turn: downwards or to the right", actions.direction);
  const group = (...buttons) => element("div", { class: "group", role: "group" }, ...buttons);
  const bar = element(
    "div",
    { class: "bar", role: "toolbar", "aria-label": "Graph" },
    finder.element,
    group(
      iconButton("fit", "Fit everything (f)", actions.fit),
      iconButton("zoomOut", "Zoom out (−)", actions.zoomOut),
      iconButton("zoomIn", "Zoom in (+)", actions.zoomIn),
    ),
    group(
      iconButton("collapse", "Collapse all groups", actions.collapseAll),
      iconButton("expand", "Expand all groups", actions.expandAll),
      flat,
      direction,
      iconButton("help", "Keys (?)", actions.help),
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

/** The sheet of keys and colours. */
export function keySheet(categories, theme, close) {
  const rows = KEYS.map(([key, meaning]) =>
    element("div", { class: "row" }, element("kbd", { text: key }), element("span", { text: meaning })),
  );
  const colors = categories.map((name, i) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = theme.categories[i].strip;
    return element("div", { class: "entry" }, swatch, element("span", { text: name }));
  });
  return element(
    "div",
    { class: "sheet", role: "dialog", "aria-label": "Keys and colours" },
    element("div", { class: "head" }, element("strong", { text: "Keys" }), iconButton("close", "Close", close)),
    ...rows,
    element("div", { class: "head" }, element("strong", { text: "Colours" })),
    element("div", { class: "colors" }, ...colors),
  );
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

/** Let one choose which of several graphs to open: `entries` are {label, run}. */
export function menu(container, entries, x, y) {
  container.hidden = !entries.length;
  container.style.left = `${x}px`;
  container.style.top = `${y}px`;
  const close = (run) => () => {
    container.hidden = true;
    run();
  };
  container.replaceChildren(
    ...entries.map(({ label, run }) =>
      element("button", { type: "button", role: "menuitem", text: label, on: { click: close(run) } }),
    ),
  );
  container.firstChild?.focus();
}
