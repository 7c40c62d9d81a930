// Elements made and changed: the one place that touches the document's own functions.

const SVG_NAMES = new Set(["svg", "g", "path", "rect", "circle", "line", "text", "title", "desc", "polygon", "tspan"]);

/** An element: `h("p", {class: "x", onclick: f}, "text", child)`. */
export function h(name, attributes, ...children) {
  const isSvg = SVG_NAMES.has(name);
  const made = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "selected") made[key] = value;
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Puts `children` in place of whatever is in `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return parent;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Says something to people who listen to the page. */
export function announce(text) {
  byId("status").textContent = text;
}

/** A number as the server sends it: JSON has no infinity, so those come as words. */
export function num(value) {
  if (value === "NaN") return NaN;
  if (value === "Infinity") return Infinity;
  if (value === "-Infinity") return -Infinity;
  return value === null || value === undefined ? NaN : value;
}

export function nums(values) {
  return (values || []).map(num);
}

/** A number for people, to three digits. */
export function shown(value) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(2).replace("e+", "e").replaceAll("-", "−");
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

/** A number to the four digits that the lecture gives: 8.882e−16. */
export function digits(value) {
  return Number.isFinite(value) && value !== 0 ? value.toExponential(3).replace("e+", "e").replaceAll("-", "−") : shown(value);
}

export function count(value) {
  if (value >= 1e9) return (value / 1e9).toFixed(2) + " G";
  if (value >= 1e6) return (value / 1e6).toFixed(2) + " M";
  return value.toLocaleString("en");
}

export function isStill() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
