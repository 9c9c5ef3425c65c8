/** The sheet of keys, gestures and colours, made from what binds them. */
import { COMMANDS, GESTURES } from "./commands.js";
import { element, iconButton } from "./dom.js";

/** The least one must know, for those who hear it. */
export const HINT = "Arrow keys walk along the lines, Enter opens, Space selects, question mark lists all keys.";

/** Show the sheet, or put it away. @param view the GraphView */
export function toggleSheet(view) {
  const { sheet } = view.parts;
  sheet.hidden = !sheet.hidden;
  if (sheet.hidden) {
    view.host.focus({ preventScroll: true });
    return;
  }
  sheet.replaceChildren(keySheet(view));
  sheet.firstChild.focus(); // its keys scroll it, and screen readers read it
}

function keySheet(view) {
  const groups = [...new Set(COMMANDS.map(({ group }) => group))];
  const keys = groups.map((title) =>
    part(title, COMMANDS.filter(({ group }) => group === title).map(({ show, label }) => [show, label])),
  );
  const page = view.voice.actions.filter(({ key }) => key).map(({ key, label, help }) => [key, `${label}: ${help}`]);
  const close = () => toggleSheet(view);
  const keydown = (event) => {
    if (event.key !== "Escape" && event.key !== "?") return;
    event.preventDefault();
    event.stopPropagation();
    close();
  };
  return element(
    "div",
    { class: "sheet", role: "dialog", "aria-label": "Keys and colours", tabindex: "-1", on: { keydown } },
    element("div", { class: "head" }, element("h2", { text: "Keys" }), iconButton("close", "Close (Esc)", close)),
    element("div", { class: "columns" }, ...keys, ...(page.length ? [part("This page", page)] : []), part("Mouse and touch", GESTURES)),
    element("h3", { text: "Colours" }),
    element("div", { class: "colors" }, ...colors(view)),
  );
}

function part(title, rows) {
  const lines = rows.map(([key, meaning]) =>
    element("div", { class: "row" }, element("kbd", { text: key }), element("span", { text: meaning })),
  );
  return element("section", { class: "keys" }, element("h3", { text: title }), ...lines);
}

function colors({ scene, theme }) {
  return (scene?.meta.categories ?? []).map((name, i) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = theme.categories[i].strip;
    return element("div", { class: "entry" }, swatch, element("span", { text: name }));
  });
}
