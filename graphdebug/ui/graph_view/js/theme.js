/** Colours of the view, derived from Streamlit's theme variables so that both themes and custom ones fit. */

/**
 * One hue per op category, after Okabe & Ito and Paul Tol's "muted" scheme: told apart with any colour vision.
 * Lightness differs too, and the op's name is always written; colour is never the only sign.
 */
const HUES = {
  convolution: "#0072b2",
  matmul: "#3f88c5",
  normalization: "#009e73",
  activation: "#d55e00",
  pooling: "#e69f00",
  elementwise: "#cc79a7",
  reduction: "#999933",
  shape: "#7b8794",
  indexing: "#44aa99",
  quantization: "#aa4499",
  control: "#882255",
  recurrent: "#332288",
  constant: "#ddaa33",
  function: "#6f5fc7",
  custom: "#882255",
  other: "#8a8f98",
};
const SPARE = Object.values(HUES);

/** Read the theme in force at an element. Returns plain CSS colours, ready for a canvas. */
export function readTheme(host, categories) {
  const style = getComputedStyle(host);
  const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const background = rgb(read("--st-background-color", "#ffffff"));
  const text = rgb(read("--st-text-color", "#1f2430"));
  const accent = rgb(read("--st-primary-color", "#3b6cf6"));
  const dark = luminance(background) < 0.35;
  const surface = dark ? mix(background, [255, 255, 255], 0.06) : mix(background, [255, 255, 255], 0.85);
  return {
    dark,
    font: read("--st-font", "") || "system-ui, sans-serif",
    background: css(background),
    surface: css(surface),
    text: css(text),
    muted: css(mix(background, text, 0.66)),
    faint: css(mix(background, text, 0.22)),
    border: css(mix(background, text, dark ? 0.3 : 0.24)),
    shadow: dark ? "rgba(0,0,0,0.35)" : "rgba(20,28,48,0.10)",
    edge: css(mix(background, text, dark ? 0.46 : 0.42)),
    edgeFar: css(mix(background, text, dark ? 0.3 : 0.26)),
    accent: css(accent),
    halo: css(accent, 0.22),
    part: css(accent, dark ? 0.2 : 0.13),
    upstream: dark ? "#56b4e9" : "#0072b2",
    downstream: dark ? "#f0a04b" : "#d55e00",
    input: dark ? "#56b4e9" : "#0072b2",
    output: dark ? "#4cc29a" : "#00795a",
    inputFill: css(mix(surface, rgb("#0072b2"), dark ? 0.35 : 0.14)),
    outputFill: css(mix(surface, rgb("#009e73"), dark ? 0.32 : 0.14)),
    chip: css(mix(surface, text, dark ? 0.14 : 0.08)),
    severity: [null, dark ? "#56b4e9" : "#0072b2", "#e69f00", dark ? "#ff6b57" : "#d1351b"],
    frames: [0.035, 0.065, 0.095].map((share) => css(mix(background, dark ? text : accent, share))),
    frameBorder: css(mix(background, dark ? text : accent, 0.28)),
    groupFill: css(mix(surface, dark ? text : accent, 0.09)),
    groupBack: css(mix(surface, dark ? text : accent, 0.17)),
    neutral: {
      strip: css(mix(background, text, 0.3)),
      fill: css(surface),
      border: css(mix(background, text, 0.22)),
      far: css(mix(background, text, 0.16)),
    },
    categories: categories.map((name, i) => shades(rgb(HUES[name] ?? SPARE[i % SPARE.length]), surface, background, dark)),
    tint: (color) => ({ ...shades(rgb(color), surface, background, dark, 0.42), line: css(text) }),
  };
}

/** The shades in which one hue is used: strip, body, border, and the block seen from afar. */
function shades(hue, surface, background, dark, share = dark ? 0.2 : 0.1) {
  const strip = dark ? mix(hue, [255, 255, 255], 0.22) : hue;
  return {
    strip: css(strip),
    fill: css(mix(surface, hue, share)),
    border: css(mix(background, strip, dark ? 0.55 : 0.5)),
    far: css(mix(background, strip, 0.78)),
  };
}

const probe = document.createElement("canvas").getContext("2d");

/** Parse any CSS colour into [r, g, b]. */
function rgb(color) {
  probe.fillStyle = "#808080";
  probe.fillStyle = color;
  const text = probe.fillStyle;
  if (text.startsWith("#")) return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  return text.match(/[\d.]+/g).slice(0, 3).map(Number);
}

function mix(a, b, share) {
  return a.map((value, i) => value + (b[i] - value) * share);
}

function css(color, alpha = 1) {
  const [r, g, b] = color.map(Math.round);
  return alpha === 1 ? `rgb(${r},${g},${b})` : `rgba(${r},${g},${b},${alpha})`;
}

/** Relative luminance in [0, 1] (WCAG 2). */
function luminance(color) {
  const [r, g, b] = color.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
