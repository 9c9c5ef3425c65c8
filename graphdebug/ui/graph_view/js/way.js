/**
 * The way back from a graph: the paths of those around it, outermost first.
 *
 * Around a function's body is the graph that calls it, one of many perhaps: the one from which it was opened last. Where
 * that is not known (a link, a search hit), it is the one that the scene names (`meta.trail`).
 */

/** The function whose body a graph is, or lies in; "" for others. */
export function functionOf(graph) {
  return graph.startsWith("fn:") ? graph.split("/", 1)[0] : "";
}

/** The way back from the graph of a scene; `entered` is the way by which its function was entered, if that is known. */
export function wayTo(meta, entered) {
  const body = functionOf(meta.graph);
  if (!body || !entered) return meta.trail;
  return meta.graph === body ? entered : [...entered, ...meta.trail.slice(meta.trail.indexOf(body))];
}

/** The way back from the function's body `graph` when it is opened from the scene `from`; null when it is not. */
export function wayInto(graph, from, wayFrom) {
  const body = functionOf(graph);
  const opened = Object.values(from.children ?? {}).some((graphs) => graphs.includes(body));
  if (!body || graph === from.graph || !opened) return null;
  const way = [...wayFrom, from.graph];
  const before = way.indexOf(body);  // functions that call each other in a circle
  return before < 0 ? way : way.slice(0, before);
}
