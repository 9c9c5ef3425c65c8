/** Taking the graph away: as seen, or the selection with what is next to it, as a file. */

const FORMATS = [
  ["svg", "SVG: any size, for documents"],
  ["png", "PNG: pixels"],
  ["dot", "DOT: for graphviz"],
  ["json", "JSON: boxes, lines and places"],
];

/** Open the menu that asks for the format, below the toolbar. */
export function openPictures(view) {
  if (!view.scene) return;
  const entries = (ids) => FORMATS.map(([format, label]) => ({ label, run: () => save(view, format, ids) }));
  const boxes = [...view.selection].filter((id) => id.startsWith("n:") || id.startsWith("s:"));
  const around = boxes.length ? [null, { label: "Only the selection and what is next to it" }, ...entries(boxes)] : [];
  view.menu.open([{ label: "Save the graph as it is shown" }, ...entries([]), ...around], view.stage.width - 280, 48);
}

async function save(view, format, ids) {
  const { graph, flat, direction, expanded } = view.scene.meta;
  view.voice.note("Drawing …");
  try {
    const { blob, name, notice } = await view.source.picture({ format, graph, flat, direction, expanded, ids });
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
