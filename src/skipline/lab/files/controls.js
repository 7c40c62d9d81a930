// Controls of a network: a box or a slider for each part of its set-up.
import { h } from "./dom.js";
import { set } from "./state.js";

export const UNITS = {
  plain: "plain",
  residual: "residual",
  preact: "pre-activation",
  "other orders": { norm_after_add: "residual, norm behind the sum", act_before_add: "residual, ReLU before the sum", act_only_pre: "residual, ReLU alone comes first" },
  linear: "linear, W = αI",
};
export const SHORTCUTS = { a: "A: zeros", a_end: "A: zeros at the end", a_average: "A: average, zeros", b: "B: 1×1 at changes", c: "C: 1×1 always", d: "D: average, 1×1" };
export const ORDERS = { post: "original", pre: "pre-activation", norm_after_add: "norm behind the sum", act_before_add: "ReLU before the sum", act_only_pre: "ReLU alone comes first" };
const GATES = { none: "none", shortcut: "on the skip alone", exclusive: "on both: g and 1 − g" };
export const SCHEMES = [
  "he_fan_out_normal", "he_fan_in_normal", "he_fan_in_uniform", "he_fan_out_uniform", "glorot_normal", "glorot_uniform",
  "lecun_normal", "lecun_uniform", "torch_default", "orthogonal", "delta_orthogonal", "dirac", "looks_linear",
  "scaled_identity", "critical", "taki", "autoinit", "arpit", "fixup",
];
const FITS = { lsuv: "LSUV", gradinit: "GradInit (slow)", metainit: "MetaInit (slow)" }; // which look at data
const NUMBERED = { scaled_identity: 0.5, critical: 0.05, taki: 1 };
const WRAPPERS = { "": "as drawn", zero_gamma: "at 0, by the last γ", zero_branch: "at 0" };

/** `gradinit(zero_branch(scaled(0.5, critical(0.05))))` as its parts, in whatever order they stand around each other. */
export function initParts(text) {
  const found = { fit: "", wrapper: "", factor: 1 };
  for (;;) {
    const form = /^(gradinit|metainit|zero_gamma|zero_branch|scaled)\((.*)\)$/.exec(text);
    if (!form) break;
    const [, name, inner] = form;
    text = name === "scaled" ? inner.slice(inner.indexOf(",") + 1).trim() : inner;
    if (name === "scaled") found.factor *= parseFloat(inner);
    else if (name in FITS) found.fit = name;
    else found.wrapper = name;
  }
  const [, scheme, number] = /^(\w+)(?:\((.*)\))?$/.exec(text) || ["", text, undefined];
  return { ...found, scheme, number };
}

function initText({ fit, wrapper, factor, scheme, number }) {
  if (scheme in FITS) return scheme;
  const inner = scheme in NUMBERED ? `${scheme}(${number === undefined || number === "" ? NUMBERED[scheme] : number})` : scheme;
  const drawn = factor === 1 ? inner : `scaled(${factor},${inner})`;
  const started = wrapper ? `${wrapper}(${drawn})` : drawn;
  return fit ? `${fit}(${started})` : started;
}

// ---- controls; `prefix` is "b." for the second net of a race

function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", {}, label), control, hint ? h("small", {}, hint) : null);
}

/** A list to choose from: names and what they are called, or groups of those. */
export function choice(key, names, value, onPick) {
  const option = ([name, text]) => h("option", { value: name, selected: String(value) === name }, text);
  const entry = ([name, text]) => (typeof text === "object" ? h("optgroup", { label: name }, Object.entries(text).map(option)) : option([name, text]));
  const made = h("select", { id: `control-${key}`, onchange: () => onPick(made.value) }, Object.entries(names).map(entry));
  return made;
}

const NAMES = { layers: "Depth", channels: "Width" };

/** A slider whose steps are equal ratios, and a box with the number itself. */
export function ratioControl(key, value, low, high, what = "layers") {
  return ratioPair(`control-${key}`, value, { low, high, name: `${NAMES[what]}, by equal ratios`, unit: ` ${what}`, rounded: Math.round, put: (wanted, how) => set({ [key]: wanted }, how) });
}

function ratioPair(id, value, { low, high, name, unit, rounded, put }) {
  const toSlider = (wanted) => Math.round((1000 * Math.log(wanted / low)) / Math.log(high / low));
  const toValue = (place) => rounded(low * (high / low) ** (place / 1000));
  const number = h("input", { type: "number", id, min: low, max: high, step: rounded === Math.round ? 1 : "any", value });
  const slider = h("input", { type: "range", min: 0, max: 1000, value: toSlider(value), "aria-label": name, "aria-valuetext": `${value}${unit}` });
  slider.addEventListener("input", () => {
    number.value = toValue(Number(slider.value));
    slider.setAttribute("aria-valuetext", `${number.value}${unit}`);
    put(Number(number.value), { isPassing: true });
  });
  slider.addEventListener("change", () => put(Number(number.value)));
  number.addEventListener("change", () => {
    const wanted = rounded(Math.max(low, Math.min(high, Number(number.value) || low)));
    number.value = wanted;
    slider.value = toSlider(wanted);
    put(wanted);
  });
  return h("span", { class: "pair" }, slider, number);
}

function numberBox(key, value, { low, high, step }) {
  const box = h("input", { type: "number", id: `control-${key}`, min: low, max: high, step, value });
  box.addEventListener("change", () => {
    const wanted = Number(box.value);
    if (Number.isFinite(wanted)) set({ [key]: Math.max(low, Math.min(high, wanted)) });
  });
  return box;
}

/** σ_w = √(fan-in · Var W), of whatever initialiser: turned up or down. */
function weightControl(prefix, factor, norm, pick) {
  const control = ratioPair(`control-${prefix}sigma`, factor, { low: 0.1, high: 10, name: "σ_w: the weights, times a number", unit: " times", rounded: (wanted) => Number(wanted.toPrecision(3)), put: (wanted, how) => pick({ factor: wanted }, how) });
  const hint = h("small", {}, "times the initialiser's own.", h("span", { id: `${prefix}sigma-w` }), norm === "none" ? "" : " A norm takes it out again.");
  return h("label", { class: "field" }, h("span", {}, "σ_w ×"), control, hint);
}

function initControls(prefix, setup) {
  const parts = initParts(setup.init);
  const pick = (changes, how) => set({ [`${prefix}init`]: initText({ ...parts, ...changes }) }, how);
  const names = Object.fromEntries(SCHEMES.map((name) => [name, name.replaceAll("_", " ")]));
  const base = parts.scheme in FITS ? "he_fan_out_normal" : parts.scheme;
  const pickStart = (name) => {
    if (name === "lsuv") pick({ scheme: "lsuv" });
    else if (name in FITS) pick({ fit: name, scheme: base });
    else pick({ fit: "", scheme: name, number: undefined });
  };
  const start = choice(`${prefix}init`, { "drawn from a distribution": names, "looks at data": FITS }, parts.fit || parts.scheme, pickStart);
  const number = h("input", { type: "number", step: "any", value: parts.number === undefined ? "" : parts.number, id: `control-${prefix}init-number` });
  number.addEventListener("change", () => pick({ number: number.value }));
  const words = { scaled_identity: "its α", critical: "its σ_b²", taki: "its number" };
  return [
    field("Initialiser", start),
    parts.fit ? field("It begins from", choice(`${prefix}init-base`, names, base, (scheme) => pick({ scheme, number: undefined }))) : null,
    parts.scheme in NUMBERED ? field(words[parts.scheme], number) : null,
    parts.scheme in FITS ? null : weightControl(prefix, parts.factor, setup.norm, pick),
    parts.scheme in FITS ? null : field("Branches start", choice(`${prefix}init-wrapper`, WRAPPERS, parts.wrapper, (wrapper) => pick({ wrapper }))),
  ];
}

/** The lecture's switch: the same net with a path around each block, and without. */
function skipSwitch(prefix, setup) {
  const isOn = setup.unit !== "plain";
  const button = h("button", { type: "button", role: "switch", id: `control-${prefix}skip`, class: "switch", "aria-checked": String(isOn), onclick: () => set({ [`${prefix}unit`]: isOn ? "plain" : "residual" }) }, isOn ? "on" : "off");
  return field("Skip", button);
}

/** What may stand on every shortcut: nothing, if a net is to be deep (arXiv 1603.05027). */
function onSkip(prefix, setup, box, put) {
  const isUsed = setup.skip_scale !== 1 || setup.skip_dropout !== 0 || setup.gate !== "none";
  return h(
    "details",
    { class: "more", open: isUsed },
    h("summary", {}, "Something on the skip"),
    field("Skip scale", box("skip_scale", -10, 10, 0.05)),
    field("Skip dropout", box("skip_dropout", 0, 0.9, 0.1)),
    field("Gate", choice(`${prefix}gate`, GATES, setup.gate, put("gate"))),
  );
}

/** The controls of one network. */
export function netControls(prefix, setup, { isShort }) {
  const put = (key) => (value) => set({ [prefix + key]: value });
  const isLinear = setup.unit === "linear";
  const units = isShort ? Object.fromEntries(Object.entries(UNITS).filter(([name]) => name !== "linear")) : UNITS;
  const box = (key, low, high, step) => numberBox(prefix + key, setup[key], { low, high, step });
  const made = [
    field("Unit", choice(`${prefix}unit`, units, setup.unit, put("unit"))),
    isLinear ? null : skipSwitch(prefix, setup),
    field("Depth", ratioControl(`${prefix}depth`, setup.depth, 1, 1000), "weighted layers"),
  ];
  if (isLinear) return [...made, field("α", box("alpha", -10, 10, 0.1), "every W is α times the identity"), field("Seed", box("seed", 0, 2 ** 31 - 1, 1))];
  made.push(
    ...initControls(prefix, setup),
    field("Norm", choice(`${prefix}norm`, { batch: "batch", none: "none", layer: "layer", group: "group" }, setup.norm, put("norm"))),
    field("Activation", choice(`${prefix}act`, { relu: "ReLU", leaky_relu: "leaky ReLU", elu: "ELU", gelu: "GELU", silu: "SiLU", tanh: "tanh", identity: "none" }, setup.act, put("act"))),
  );
  if (setup.norm === "group") made.push(field("Groups", box("groups", 1, 64, 1), "of channels in each norm"));
  if (setup.act === "leaky_relu") made.push(field("Slope", box("slope", 0, 1, 0.05)));
  if (setup.unit !== "plain") {
    made.push(
      field("Shortcut", choice(`${prefix}shortcut`, SHORTCUTS, setup.shortcut, put("shortcut"))),
      field("Branch scale", box("scale", -10, 10, 0.05)),
      onSkip(prefix, setup, box, put),
    );
  }
  made.push(field("Width", box("width", 1, 64, 1), "channels of the first stage"));
  if (!isShort) {
    made.push(
      field("Numbers", choice(`${prefix}dtype`, { float32: "float32", bfloat16: "bfloat16", float16: "float16" }, setup.dtype, put("dtype")), "whose range counts"),
      field("Images", box("batch", 2, 64, 1), "measured at once"),
      field("Seed", box("seed", 0, 2 ** 31 - 1, 1)),
      field("Place", choice(`${prefix}site`, { out: "end of a block", sum: "the sum", branch: "end of the branch", shortcut: "end of the shortcut" }, setup.site, put("site"))),
    );
  }
  return made;
}
