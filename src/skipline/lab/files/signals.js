// The Signals tab: what depth does to a signal and its gradient before anything is trained.
import { h, fill, byId, announce, digits, num, nums, shown, isStill } from "./dom.js";
import { cleared, fromHash, get, set, setupNow } from "./state.js";
import { netControls } from "./controls.js";
import { ask } from "./link.js";
import { chartFigure, scales, sizeIn, whenResized } from "./chart.js";
import { exportTools, download, csvOf } from "./export.js";

const VERDICTS = { trains: ["✓", "Will train"], degrades: ["!", "Will train badly"], fails: ["✗", "Will not train"], unknown: ["…", "Not known before it is measured"] };
const PULSE_SECONDS = 2.4;

export const PRESETS = {
  "plain, 50 layers": "unit=plain",
  "the same with skips": "",
  "0.5⁵⁰": "unit=linear&alpha=0.5",
  "1.5⁵⁰": "unit=linear&alpha=1.5",
  "plain tanh on the critical line": "unit=plain&norm=none&act=tanh&init=critical(0.05)",
  "residual doubling": "norm=none&depth=100",
  "1000 layers, pre-activation": "unit=preact&depth=1000",
};

// ---- the tab

let parts = {};
let view = null;

export function buildSignals(main) {
  const chart = (id, title, yTitle) => {
    const made = chartFigure({ id, title, xTitle: "block (0: stem, last: head)", yTitle, tools: exportTools(id, () => view[id]) });
    return made;
  };
  view = {
    controls: h("form", { class: "controls", "aria-label": "The network", onsubmit: (event) => event.preventDefault() }),
    verdict: h("section", { class: "verdict", id: "verdict", "aria-label": "Verdict" }),
    working: h("p", { class: "working" }),
    strip: h("div", { class: "strip-box" }),
    forward: chart("forward", "Forward: size of the signal", "E[x²]"),
    backward: chart("backward", "Backward: size of the gradient", "‖∂/∂x‖"),
    fan: chart("fan", "How alike two inputs become", "correlation"),
    phase: phaseFigure(),
    jacobian: jacobianFigure(),
  };
  view.panels = h("div", { class: "panels" }, view.forward.figure, view.backward.figure, view.fan.figure, view.jacobian.figure, view.phase.figure);
  whenResized(view.strip, () => parts.predicted && showStrip());
  const presets = h("div", { class: "presets", role: "group", "aria-label": "Presets" });
  for (const [name, hash] of Object.entries(PRESETS)) {
    presets.append(h("button", { onclick: () => set({ ...cleared(), ...fromHash(hash) }) }, name));
  }
  fill(
    main,
    h("div", { class: "bench" }, h("aside", {}, presets, view.controls), h("div", { class: "views" }, view.verdict, view.working, view.strip, view.panels)),
  );
  showControls();
  request();
}

let asked = "";

/** The state has changed. */
export function updateSignals() {
  const now = JSON.stringify(setupNow());
  if (now === asked) return;
  if (!view.controls.contains(document.activeElement) || document.activeElement.type !== "range") showControls();
  request();
}

function showControls() {
  const held = document.activeElement && document.activeElement.id;
  fill(view.controls, netControls("", setupNow(), { isShort: false }));
  if (held && byId(held) && held.startsWith("control-")) byId(held).focus();
  showDeviation();
}

/** What the weights' σ_w is, beside the control that multiplies it. */
function showDeviation() {
  const place = byId("sigma-w");
  const value = parts.predicted ? num(parts.predicted.weight_deviation) : NaN;
  if (place) place.textContent = Number.isNaN(value) ? "" : ` σ_w = ${value.toFixed(3)}.`;
}

function request() {
  const setup = setupNow();
  asked = JSON.stringify(setup);
  delete document.body.dataset.settled;
  view.controls.setAttribute("aria-busy", "true");
  ask({ kind: "signals", setup }, (frame) => receive(frame));
}

function receive(frame) {
  if (frame.part === "predicted") parts = {};
  view.strip.hidden = view.panels.hidden = !("predicted" in parts || frame.part === "predicted");
  if (frame.part === "done") {
    view.controls.removeAttribute("aria-busy");
    view.working.textContent = "";
    document.body.dataset.settled = asked;
    return;
  }
  delete document.body.dataset.settled;
  if (frame.part === "error") return showError(frame.says);
  parts[frame.part] = frame;
  if (frame.part === "measured") delete parts.measuring;
  view.working.textContent = frame.part === "working" ? `${frame.says} …` : "";
  if (frame.part === "working") return;
  if (frame.part === "measuring") return showCharts();
  showVerdict();
  if (["predicted", "measured", "lesioned"].includes(frame.part)) showCharts();
  if (frame.part === "predicted") showDeviation();
  if (["predicted", "lesioned"].includes(frame.part)) showStrip();
  if (frame.part === "fan" || frame.part === "predicted") showFan();
  if (frame.part === "jacobian" || frame.part === "predicted") showJacobian();
  if (frame.part === "phase" || frame.part === "predicted") showPhase();
}

function showError(says) {
  parts = {};
  view.strip.hidden = view.panels.hidden = true; // they are of another network
  view.working.textContent = "";
  view.controls.removeAttribute("aria-busy");
  document.body.dataset.settled = asked;
  view.verdict.className = "verdict unknown";
  fill(view.verdict, h("p", { class: "sentence" }, says));
  announce(says);
}

function showVerdict() {
  const { predicted, measured, depth, note } = parts;
  if (!predicted) return;
  const found = measured || predicted;
  const [mark, word] = VERDICTS[found.verdict];
  const worst = found.diagnosis.findings[0];
  view.verdict.className = `verdict ${found.verdict}`;
  const deepest = depth ? num(depth.greatest_depth) : NaN;
  const fixes = get("fixes");
  fill(
    view.verdict,
    h("p", { class: "about" }, `${predicted.network}, ${predicted.depth} layers, ${predicted.init}`, measured ? "" : note ? `; ${note.says}` : "; being measured …"),
    predicted.asked === predicted.depth ? null : h("p", {}, `${predicted.asked === 1 ? "1 layer was" : `${predicted.asked} layers were`} asked for, ${predicted.depth} were taken: a stem, a block of two layers and a classifier are the least.`),
    h("p", { class: "sentence" }, h("b", {}, h("span", { "aria-hidden": "true" }, mark + " "), word), found.sentence.replace(/^will( not)? train( badly)?/, "")),
    worst ? h("p", { class: "law" }, h("b", {}, "Law: "), raised(worst.law), ` (${worst.source}). Up to ${worst.trains_up_to} such nets train.`) : null,
    showAlphaPower(measured),
    Number.isNaN(deepest) ? null : h("p", {}, Number.isFinite(deepest) ? `Such nets train up to about ${deepest.toLocaleString("en")} layers.` : "No depth is known at which such nets stop training."),
    found.remedies.length ? h("div", { class: "remedies" }, h("b", {}, "What helps:"), found.remedies.map((each) => h("button", { onclick: () => set({ fixes: [...get("fixes"), each.name] }), title: each.effect }, each.says))) : null,
    fixes.length ? h("div", { class: "remedies" }, h("b", {}, "Applied:"), predicted.applied.map((says, index) => h("button", { class: "chip", onclick: () => set({ fixes: fixes.filter((_, other) => other !== index) }), "aria-label": `Take back: ${says}` }, `${says} ✕`))) : null,
  );
}

/** What stands behind ^ in a law, raised: χ^L, χ₁^(L/2). */
function raised(law) {
  return law.split(/\^(\([^)]*\)|\w+)/).map((text, index) => (index % 2 ? h("sup", {}, text.replace(/^\(|\)$/g, "")) : text));
}

/** The lecture's own number, of a linear net: from the images to the logits, and back. */
function showAlphaPower(measured) {
  const found = measured && measured.alpha_power;
  if (!found) return null;
  const { alpha, depth } = found;
  return h("p", { id: "alpha-power" }, h("b", {}, "α", h("sup", {}, "l"), ": "), `${alpha}`, h("sup", {}, depth), ` = ${digits(num(found.law))}. Measured from the images to the logits: ${digits(num(found.forward))} of the signal; and back: ${digits(num(found.back))} of the gradient.`);
}

function showCharts() {
  const { predicted, lesioned } = parts;
  const measured = parts.measured || parts.measuring;
  const names = predicted.names;
  const xs = names.map((_, index) => index);
  const draw = (chart, quantity, band, isGradient) => {
    const ys = nums(predicted.sites[quantity]);
    const width = nums(predicted[band]);
    const series = [
      { form: "band", look: "look-predicted", name: "where nine of ten are expected", lows: ys.map((y, index) => y / width[index]), highs: ys.map((y, index) => y * width[index]) },
      { form: "line", look: "look-predicted", name: "predicted", ys },
    ];
    if (measured) series.push({ form: "dots", look: "look-measured", name: "measured", ys: nums(measured.sites[quantity]) });
    if (lesioned) series.push({ form: "crosses", look: "look-lesion", name: "measured, blocks left out", ys: nums(lesioned.sites[quantity]) });
    chart.update({ series, xs, names, isLog: true, says: summary(ys, measured && nums(measured.sites[quantity]), isGradient) });
  };
  draw(view.forward, "second_moment", "band", false);
  draw(view.backward, "gradient_norm", "gradient_band", true);
}

/** By how much a quantity changes between the same two places as in the verdict. */
function summary(predicted, measured, isGradient) {
  const change = (ys) => (isGradient ? ys[1] / ys[ys.length - 2] : ys[ys.length - 2] / ys[1]);
  const what = isGradient ? "From the last block back to the first the gradient's norm" : "From the first block to the last E[x²]";
  const found = measured ? change(measured) : NaN;
  return `${what} is multiplied by ${shown(change(predicted))}${Number.isNaN(found) ? "" : ` (measured: ${shown(found)})`}.`;
}

function showFan() {
  const { predicted, fan } = parts;
  const xs = predicted.names.map((_, index) => index);
  const series = fan ? fan.lines.map((line, index) => ({ form: "line", look: `look-fan fan-${index}`, name: `begins at ${line.start}`, ys: nums(line.correlation) })) : [];
  view.fan.update({ series, xs, names: predicted.names, isLog: false, least: 0, most: 1, says: fan ? "At 1 all inputs look alike, and nothing can tell them apart." : "" });
}

function jacobianFigure() {
  const made = chartFigure({ id: "jacobian", title: "Jacobian: singular values", xTitle: "direction, the most stretched first", yTitle: "singular value", tools: exportTools("jacobian", () => view.jacobian) });
  const facts = h("table", { class: "pairs" });
  made.figure.querySelector(".said").before(facts);
  return { ...made, facts, drawn: made.figure.querySelectorAll(".drawing, .key, .exports, details"), said: made.figure.querySelector(".said") };
}

function showJacobian() {
  const { predicted, jacobian } = parts;
  const values = jacobian && jacobian.values ? nums(jacobian.values) : null;
  const why = !jacobian ? (predicted.depth > 200 ? "Computed up to 200 layers." : "…") : jacobian.says || "";
  view.jacobian.drawn.forEach((each) => { each.hidden = !values; });
  view.jacobian.facts.hidden = Boolean(why);
  view.jacobian.said.hidden = false;
  view.jacobian.said.textContent = why;
  if (why) return;
  const largest = num(jacobian.largest);
  const smallest = num(jacobian.smallest);
  const atMost = values ? "" : ", at most";
  const rows = [["largest", largest, "largest"], ...(values ? [["median", num(jacobian.median), "median"]] : []), [`smallest${atMost}`, smallest, "smallest"]];
  fill(view.jacobian.facts, h("tbody", {}, rows.map(([name, value, id]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { id }, shown(value))))));
  const where = "From behind the stem to the end of the last block, two images together.";
  if (!values) {
    view.jacobian.said.textContent = `${where} Of ${jacobian.num_values} singular values the ends are looked for; of smaller nets all are computed.`;
    return;
  }
  const lost = values.filter((each) => each === 0).length;
  const says = `${where} At 1 a change arrives as large as it was: all lie there if every block is the identity.${lost ? ` ${lost} of ${values.length} are 0: of changes in these directions nothing arrives.` : ""}`;
  view.jacobian.update({ series: [{ form: "dots", look: "look-measured", name: "measured", ys: values }], xs: values.map((_, index) => index + 1), isLog: true, level: 1, says });
}

// ---- the strip of blocks: leave one out, and watch the gradient come back

let pulse = 0;

function showStrip() {
  const { predicted } = parts;
  const names = predicted.names.slice(1, -1);
  const blocks = names.map((name) => name.split(".").slice(0, 2).join("."));
  const gone = new Set(get("lesions"));
  const gradients = nums(predicted.sites.gradient_norm).slice(1, -1);
  const logs = gradients.map((each) => (each > 0 && Number.isFinite(each) ? Math.log10(each) : each > 0 ? HIGH : -HIGH));
  const high = Math.max(...logs);
  const { width } = sizeIn(view.strip, Infinity);
  const least = width < 500 ? (blocks.length > 120 ? 14 : 24) : blocks.length > 120 ? 8 : 14; // a phone's are for fingers
  const perRow = Math.min(blocks.length, Math.floor(width / least));
  const pitch = width / Math.max(perRow, 12);
  const rows = Math.ceil(blocks.length / perRow);
  const hasArcs = predicted.is_residual && rows <= 4 && pitch > 10;
  const rowHeight = hasArcs ? 52 : 26;
  const svg = h("svg", { viewBox: `0 0 ${width} ${rows * rowHeight + 4}`, class: "strip", role: "listbox", "aria-multiselectable": "true", "aria-label": "Blocks: Enter leaves one out", tabindex: 0 });
  blocks.forEach((block, index) => {
    const x = (index % perRow) * pitch;
    const y = Math.floor(index / perRow) * rowHeight + rowHeight - 24;
    const level = Math.max(0, Math.min(6, Math.round(6 + 1.0 * (logs[index] - high))));
    const isGone = gone.has(block);
    const box = h("g", { role: "option", id: `block-${index}`, "aria-selected": String(isGone), class: `block level-${level}${isGone ? " gone-block" : ""}`, "aria-label": `${block}, gradient ${shown(gradients[index])}${isGone ? ", left out" : ""}`, onclick: () => toggle(block) });
    box.append(h("title", {}, `${block}: gradient ${shown(gradients[index])}. Click to ${isGone ? "put it back" : "leave it out"}.`), h("rect", { x: x + 1, y, width: Math.max(pitch - 2, 1), height: 20, rx: Math.min(4, pitch / 4) }));
    if (hasArcs) box.append(h("path", { class: "skip", d: `M${x} ${y + 10}C${x} ${y - 28} ${x + pitch} ${y - 28} ${x + pitch} ${y + 10}` }));
    svg.append(box);
  });
  roving(svg, blocks);
  const says = predicted.is_residual ? "The gradient comes back through every skip." : "The gradient has to come back through every layer.";
  fill(view.strip, h("p", { class: "strip-title" }, h("b", {}, "Blocks"), ` ${says} The stronger its colour, the larger its gradient: a step for each power of ten. Click one to leave it out.`, gone.size ? h("button", { class: "small", onclick: () => set({ lesions: [] }) }, "Put all back") : null, h("button", { class: "small", id: "pulse", onclick: () => runPulse(svg, logs) }, "Send a pulse back")), svg);
}

const HIGH = 300;
const ENDLESS = 1e6; // layers: on the critical line, where rounding alone ends 6ξ

function toggle(block) {
  const gone = get("lesions");
  set({ lesions: gone.includes(block) ? gone.filter((each) => each !== block) : [...gone, block] });
}

/** One stop of the Tab key; arrows go along the blocks, Enter leaves one out. */
function roving(svg, blocks) {
  let at = -1;
  const move = (to) => {
    const before = svg.querySelector(".at");
    if (before) before.classList.remove("at");
    at = Math.max(0, Math.min(blocks.length - 1, to));
    const box = svg.querySelector(`#block-${at}`);
    box.classList.add("at");
    svg.setAttribute("aria-activedescendant", box.id);
  };
  svg.addEventListener("focus", () => at < 0 && move(0));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (step) move(at + step);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(blocks.length - 1);
    else if (event.key === "Enter" || event.key === " ") toggle(blocks[at]);
    else return;
    event.preventDefault();
  });
}

function runPulse(svg, logs) {
  cancelAnimationFrame(pulse);
  const boxes = [...svg.querySelectorAll(".block")];
  const last = logs[logs.length - 1];
  const strength = (index) => Math.max(0.06, Math.min(1, 1 + (logs[index] - last) / 6));
  if (isStill()) {
    announce(`The pulse begins with a gradient of ${shown(10 ** last)} and arrives with ${shown(10 ** logs[0])}.`);
    return;
  }
  const began = performance.now();
  const step = (now) => {
    const at = boxes.length - 1 - ((now - began) / 1000 / PULSE_SECONDS) * boxes.length;
    const reach = Math.max(1, boxes.length / 25);
    boxes.forEach((box, index) => {
      const isLit = Math.abs(index - at) <= reach;
      box.classList.toggle("lit", isLit);
      box.style.setProperty("--pulse", isLit ? strength(index).toFixed(2) : "0");
    });
    if (at > -reach && svg.isConnected) pulse = requestAnimationFrame(step);
    else boxes.forEach((box) => box.classList.remove("lit"));
  };
  pulse = requestAnimationFrame(step);
}

// ---- the phase diagram

function phaseFigure() {
  const figure = h("figure", { id: "phase", class: "chart" });
  const self = { figure, rows: [] };
  whenResized(figure, () => parts.phase && showPhase());
  self.table = () => self.rows;
  return self;
}

function showPhase() {
  const { phase } = parts;
  const title = h("figcaption", {}, h("h3", {}, "Phase diagram"), phase ? exportTools("phase", () => view.phase) : null);
  if (!phase) {
    fill(view.phase.figure, title, h("p", { class: "said" }, "Drawn for plain nets without a norm that have an activation."));
    return;
  }
  const { weights, biases, here } = phase;
  const data = { xs: weights, series: [{ form: "line", ys: biases }], isLog: false, least: 0 };
  const size = sizeIn(view.phase.figure);
  const { x, y } = scales(data, size);
  const { width, height } = size;
  const svg = h("svg", { viewBox: `0 0 ${width} ${height + 14}`, role: "img", "aria-label": `Phase diagram. You are at σ_w² ${shown(num(here.weight_variance))}, σ_b² ${shown(num(here.bias_variance))}.` });
  const wide = x(weights[1]) - x(weights[0]);
  const tall = y(biases[0]) - y(biases[1]);
  phase.chi.forEach((row, up) =>
    nums(row).forEach((chi, across) => {
      const level = Math.abs(Math.log(chi)) < 0.02 ? 0 : Math.min(3, 1 + Math.floor(4 * Math.abs(Math.log(chi))));
      svg.append(h("rect", { class: `phase-${chi < 1 ? "ordered" : "chaos"}-${level}`, x: x(weights[across]) - wide / 2, y: y(biases[up]) - tall / 2, width: wide + 0.5, height: tall + 0.5 }));
    }),
  );
  const lines = (found, look) => found.forEach((line) => svg.append(h("path", { class: look, d: "M" + line.map(([a, b]) => `${x(a)} ${y(b)}`).join("L") })));
  lines(phase.ordered_end, "contour-end");
  lines(phase.chaotic_end, "contour-end");
  lines(phase.critical, "contour-critical");
  for (let tick = 0.5; tick <= weights[weights.length - 1]; tick += 0.5) svg.append(h("text", { class: "tick", x: x(tick), y: height - 13, "text-anchor": "middle" }, shown(tick)));
  for (let tick = 0; tick <= biases[biases.length - 1]; tick += 0.1) svg.append(h("text", { class: "tick", x: x(weights[0]) - wide / 2 - 6, y: y(tick) + 4, "text-anchor": "end" }, shown(tick)));
  const isFarRight = x(num(here.weight_variance)) > 0.6 * width; // its words then stand on its left
  svg.append(
    h("circle", { class: "here", cx: x(num(here.weight_variance)), cy: y(num(here.bias_variance)), r: 6 }),
    h("text", { class: "word", x: x(num(here.weight_variance)) + (isFarRight ? -10 : 10), y: y(num(here.bias_variance)) - 8, "text-anchor": isFarRight ? "end" : "start" }, "you are here"),
    h("text", { class: "axis", x: width / 2, y: height + 8, "text-anchor": "middle" }, "σ_w², weights"),
    h("text", { class: "axis", x: 4, y: 12 }, "σ_b², biases"),
  );
  view.phase.rows = [["σ_b² \\ σ_w²", ...weights], ...biases.map((bias, index) => [bias, ...nums(phase.chi[index])])];
  const reach = num(here.trainable);
  fill(
    view.phase.figure,
    title,
    h("div", { class: "drawing" }, svg),
    h("p", { class: "said" }, `χ₁ = ${shown(num(here.chi))}: in a wide net without borders 6ξ is ${reach < ENDLESS ? `${shown(reach)} layers` : "without end"}; the verdict above is of this net. Between the dotted lines a wide net of this depth trains; on the full one χ₁ = 1. Left of it signals become alike, right of it they turn to chaos.`),
    h("details", { class: "numbers" }, h("summary", {}, "Numbers", h("span", { class: "unseen" }, ": Phase diagram")), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "χ₁ over the diagram" }, h("table", {}, h("tbody", {}, view.phase.rows.map((row, up) => h("tr", {}, row.map((each, across) => h(up && across ? "td" : "th", {}, typeof each === "number" ? shown(each) : each)))))))),
  );
}

/** The program that computes what is on the screen. */
export function codeOfSignals() {
  return parts.predicted ? parts.predicted.code : "";
}
