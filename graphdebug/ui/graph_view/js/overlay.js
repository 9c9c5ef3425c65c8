/** Colours laid over the graph, in the shades of the theme in force. */

/**
 * What an overlay is drawn with: shades by box id, colours of dots by box id, and the legend.
 *
 * @param {?Object} overlay {title, legend: [{label, color}], colors, texts, marks, dark}: `dark` has what takes a colour's
 *   place on a dark ground, where what is heaviest must be the lightest
 * @param {Object} theme see theme.js
 */
export function inShades(overlay, theme) {
  const inForce = (color) => (theme.dark && overlay.dark?.[color]) || color;
  const tints = new Map();
  const shades = new Map();
  for (const [id, color] of Object.entries(overlay?.colors ?? {})) {
    if (!tints.has(color)) tints.set(color, theme.tint(inForce(color)));
    shades.set(id, tints.get(color));
  }
  const legend = (overlay?.legend ?? []).map(({ label, color }) => ({ label, color: color ? inForce(color) : theme.neutral.far }));
  return { shades, marks: new Map(Object.entries(overlay?.marks ?? {})), legend: { title: overlay?.title ?? "", legend } };
}
