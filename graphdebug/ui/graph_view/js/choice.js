/** What can be chosen, and how a choice is named: {id, kind}. Ids are those of boxes; a value's is `v:` + its name. */
import { Kind } from "./scene.js";

export const NOTHING = Object.freeze({ id: "", kind: "" });

const KINDS = { n: "node", s: "group", i: "input", o: "output", v: "value" };

export function choiceOf(id) {
  return id ? { id, kind: KINDS[id.split(":", 1)[0]] ?? "node" } : NOTHING;
}

/** The edges to highlight for a chosen id: those of the value, or those that arrive at and leave the box. */
export function edgesFor(scene, id) {
  if (!scene || !id) return {};
  const box = scene.boxOf(id);
  if (box >= 0) return scene.edgesAt(box);
  return id.startsWith("v:") ? { value: scene.edgesOf(id.slice(2)) } : {};
}

/** What to call a graph that is known only by its path. */
export function graphTitle(path) {
  if (!path) return "main";
  const step = path.split("/").at(-1);
  const quoted = step.startsWith("fn:") ? step.split(":")[2] : step.slice(step.indexOf(".") + 1);
  return quoted.replace(/%(25|2F|3A)/g, decodeURIComponent);
}

/** A number with its noun. */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** Lines of a tooltip for what is under the pointer. */
export function describe(scene, { box, edge }, texts) {
  if (box >= 0) {
    const lines = [scene.text(scene.op[box]), scene.text(scene.label[box]), scene.text(scene.chips[box])];
    if (scene.kind[box] === Kind.GROUP || scene.kind[box] === Kind.FRAME) lines.push(counted(scene.count[box], "node"));
    if (scene.weights[box]) lines.push(counted(scene.weights[box], "weight"));
    lines.push(texts[scene.idOf(box)]);
    return lines.filter(Boolean);
  }
  if (edge < 0) return [];
  const name = scene.text(scene.value[edge]);
  const more = scene.edgeCount[edge] > 1 ? `and ${scene.edgeCount[edge] - 1} more between these two` : "";
  return [name, scene.text(scene.edgeLabel[edge]), more, texts[`v:${name}`]].filter(Boolean);
}

/** A choice in words, for those who hear it; `look` tells where in the scene it is. */
export function spoken(scene, id, { box, edges }) {
  if (!scene || !id) return "";
  if (box >= 0) {
    const kind = SPOKEN[scene.kind[box]] ?? "";
    const lines = edges.incoming?.length + edges.outgoing?.length;
    const ways = lines ? [`${edges.incoming.length} in, ${edges.outgoing.length} out`] : [];
    return [kind, ...describe(scene, { box, edge: -1 }, {}), ...ways].filter(Boolean).join(", ");
  }
  const edge = edges.value?.[0] ?? -1;
  return edge >= 0 ? ["tensor", ...describe(scene, { box: -1, edge }, {})].join(", ") : "";
}

const SPOKEN = { [Kind.GROUP]: "collapsed group", [Kind.FRAME]: "expanded group" };
