/** Taking the graph away: as seen, or the selection with what is next to it, as a file. */

const FORMATS = [
  ["svg", "light", "SVG: any size, for documents"],
  ["svg", "dark", "SVG on a dark ground"],
  ["png", "light", "PNG: pixels"],
  ["png", "dark", "PNG on a dark ground"],
  ["dot", "light", "DOT: for graphviz"],
  ["json", "light", "JSON: boxes, lines and places"],
];

/** Open the menu that asks for the format, below the toolbar. */
export function openPictures(view) {
  if (!view.scene) return;
  const entries = (ids) => FORMATS.map(([format, theme, label]) => ({ label, run: () => save(view, format, theme, ids) }));
  const boxes = [...view.selection].filter((id) => id.startsWith("n:") || id.startsWith("s:"));
  const around = boxes.length ? [null, { label: "Only the selection and what is next to it" }, ...entries(boxes)] : [];
  view.menu.open([{ label: "Save the graph as it is shown" }, ...entries([]), ...around], view.stage.width - 280, 48);
}

async function save(view, format, theme, ids) {
  const { graph, flat, direction, expanded } = view.scene.meta;
  const shown = (id) => ids.length > 0 || view.scene.boxOf(id) >= 0;
  const overlay = format === "svg" || format === "png" ? overlayFor(view.data.overlay, theme === "dark", shown) : null;
  view.voice.note("Drawing …");
  try {
    const { blob, name, notice } = await view.source.picture({ format, theme, graph, flat, direction, expanded, ids, overlay });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    view.voice.note(notice || `Saved ${name}.`);
  } catch (problem) {
    view.voice.note(problem.message);
  }
}

/** An overlay as a picture takes it: {title, legend: [[label, color]], colors: {color: [ids]}}; null when there is none. */
export function overlayFor(overlay, dark, isShown) {
  if (!overlay) return null;
  const inForce = (color) => (dark && overlay.dark?.[color]) || color;
  const colors = {};
  for (const [id, color] of Object.entries(overlay.colors)) if (isShown(id)) (colors[inForce(color)] ??= []).push(id);
  return { title: overlay.title, legend: overlay.legend.map(({ label, color }) => [label, inForce(color)]), colors };
}
