/** The few DOM pieces the view needs. Text from a model only ever enters through `textContent`. */

const SVG = "http://www.w3.org/2000/svg";

/** Icons on a 20×20 grid, drawn as strokes. */
const ICONS = {
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4M7.5 7.5h5v5h-5z",
  zoomIn: "M8.5 3a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M12.5 12.5L17 17M8.5 6v5M6 8.5h5",
  zoomOut: "M8.5 3a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M12.5 12.5L17 17M6 8.5h5",
  expand: "M6 8l4-4 4 4M6 12l4 4 4-4",
  collapse: "M6 4l4 4 4-4M6 16l4-4 4 4",
  save: "M10 3v10M6 9l4 4 4-4M4 17h12",
  flat: "M3 5h14M3 10h14M3 15h14",
  direction: "M6 3v13M3 13l3 3 3-3M11 6h6M15 3l3 3-3 3",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M10 14.5v.1",
  search: "M8.5 3a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M12.5 12.5L17 17",
  previous: "M6 12l4-4 4 4",
  next: "M6 8l4 4 4-4",
  close: "M5 5l10 10M15 5L5 15",
  back: "M12 4l-6 6 6 6",
  highlight: "M10 2.5v2M10 15.5v2M2.5 10h2M15.5 10h2M4.7 4.7l1.4 1.4M13.9 13.9l1.4 1.4M15.3 4.7l-1.4 1.4M6.1 13.9l-1.4 1.4M10 7a3 3 0 1 0 0 6a3 3 0 0 0 0-6",
};

/**
 * Make an element.
 * @param {string} tag
 * @param {Object} [properties] `class`, `on` ({event: handler}), `text`, otherwise attributes
 * @param {...(Node|string)} children strings become text nodes
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** Make one of the icons above; it takes the colour of the text around it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Make an icon button; `label` is its tooltip and its name for screen readers. */
export function iconButton(name, label, handler) {
  return element("button", { type: "button", title: label, "aria-label": label, on: { click: handler } }, icon(name));
}

/**
 * A text whose middle gives way where there is no room for all of it (the container is a flex box).
 * @param {number} end letters at the end that always show: what tells names apart stands there
 * @returns {HTMLElement[]}
 */
export function halves(text, end = 8) {
  const letters = [...text];
  const [begin, last] = [letters.slice(0, -end).join(""), letters.slice(-end).join("")];
  return [...(begin ? [element("span", { class: "begin", text: begin })] : []), element("span", { class: "end", text: last })];
}
