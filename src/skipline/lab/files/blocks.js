// The Blocks tab: the lecture's drawings, with the shape of every tensor and the weights and cost of every layer.
import { h, fill, byId, count } from "./dom.js";
import { BLOCK, get, set, blockNow, setupNow } from "./state.js";
import { ask } from "./link.js";
import { choice, ratioControl, ORDERS, SHORTCUTS } from "./controls.js";
import { exportTools } from "./export.js";
import { sizeIn, whenResized } from "./chart.js";

const DRAWINGS = {
  "standard residual block": {},
  "plain block": { shortcut: "none" },
  "more channels: A, zeros": { out: 128, stride: 2 },
  "more channels: B, 1×1": { out: 128, stride: 2, shortcut: "b" },
  "1×1 everywhere: C": { shortcut: "c" },
  "smaller image: v1": { branch: "bottleneck", in: 256, out: 512, stride: 2, shortcut: "b" },
  "smaller image: v1.5": { branch: "bottleneck", in: 256, out: 512, stride: 2, shortcut: "b", stride_at: "middle" },
  "smaller image: D": { branch: "bottleneck", in: 256, out: 512, stride: 2, shortcut: "d", stride_at: "middle" },
  "pre-activation": { order: "pre" },
};
const BOX = { width: 150, height: 30, gap: 22 };

let stage = null;
let shownBlock = null; // the frames that are drawn
let shownNetwork = null;

export function buildBlocks(main) {
  stage = {
    controls: h("form", { class: "controls", "aria-label": "The block", onsubmit: (event) => event.preventDefault() }),
    block: h("figure", { class: "chart", id: "block" }),
    about: h("p", { class: "about-layer", id: "about-layer", "aria-live": "polite" }, "Point at a layer, tap it, or go to it with the Tab key."),
    network: h("figure", { class: "chart wide", id: "network" }),
  };
  whenResized(stage.network, () => shownNetwork && showNetwork(shownNetwork));
  whenResized(stage.block, () => shownBlock && showBlock(shownBlock));
  const drawings = h("div", { class: "presets", role: "group", "aria-label": "Drawings" });
  for (const [name, changes] of Object.entries(DRAWINGS)) {
    const whole = { ...BLOCK, ...changes };
    drawings.append(h("button", { onclick: () => set(Object.fromEntries(Object.entries(whole).map(([key, value]) => ["block." + key, value]))) }, name));
  }
  fill(main, h("div", { class: "bench" }, h("aside", {}, drawings, stage.controls), h("div", { class: "views" }, h("div", { class: "panels" }, stage.block), stage.network)));
  updateBlocks();
}

export function updateBlocks() {
  if (!stage.controls.contains(document.activeElement) || document.activeElement.type !== "range") showBlockControls();
  delete document.body.dataset.settled;
  ask({ kind: "blocks", block: blockNow(), setup: { ...setupNow(), lesions: [] } }, (frame) => {
    if (frame.part === "error") fill(stage.block, h("p", { class: "sentence" }, frame.says));
    else if (frame.part === "block") showBlock(frame);
    else if (frame.part === "network") showNetwork(frame);
    if (frame.part === "done" || frame.part === "error") document.body.dataset.settled = "blocks";
  });
}

function showBlockControls() {
  const held = document.activeElement && document.activeElement.id;
  const block = blockNow();
  const put = (key) => (value) => set({ ["block." + key]: value });
  const row = (label, control) => h("label", { class: "field" }, h("span", {}, label), control);
  const title = (text) => h("h3", {}, text);
  const channels = (key) => row(key === "in" ? "Channels in" : "Channels out", choice("block." + key, Object.fromEntries([16, 32, 64, 128, 256, 512, 1024].map((each) => [each, each])), block[key], (value) => set({ ["block." + key]: Number(value) })));
  fill(
    stage.controls,
    title("The block"),
    row("Branch", choice("block.branch", { basic: "3×3, 3×3", bottleneck: "1×1, 3×3, 1×1" }, block.branch, (value) => set({ "block.branch": value, "block.stride_at": "first" }))),
    row("Order", choice("block.order", ORDERS, block.order, put("order"))),
    row("Shortcut", choice("block.shortcut", { none: "none: plain", ...SHORTCUTS }, block.shortcut, put("shortcut"))),
    channels("in"),
    channels("out"),
    row("Stride", choice("block.stride", { 1: "1: same size", 2: "2: half the size" }, block.stride, (value) => set({ "block.stride": Number(value) }))),
    block.branch === "bottleneck" ? row("Stride at", choice("block.stride_at", { first: "the first 1×1 (v1)", middle: "the 3×3 (v1.5)" }, block.stride_at, put("stride_at"))) : null,
    row("Image", choice("block.side", { 8: "8×8", 14: "14×14", 28: "28×28", 32: "32×32", 56: "56×56" }, block.side, (value) => set({ "block.side": Number(value) }))),
    title("The network"),
    row("Depth", ratioControl("depth", get("depth"), 1, 1000)),
    row("Width", ratioControl("width", get("width"), 1, 64, "channels")),
  );
  if (held && byId(held)) byId(held).focus();
}

const shape = (found) => found.join("×");

function saidOf(layer) {
  const weights = layer.parameters ? `${layer.parameters.toLocaleString("en")} weights` : "no weights";
  const cost = layer.macs ? `${count(layer.macs)} multiply-adds an image` : "no multiplications";
  return `${layer.name}: ${layer.text}. Gives ${shape(layer.shape)}; ${weights}, ${cost}.`;
}

function showBlock(frame) {
  shownBlock = frame;
  const width = Math.max(330, sizeIn(stage.block, 460).width); // two boxes side by side
  const middle = Math.min(130, width * 0.28);
  const aside = width - 80;
  const svgParts = [];
  let y = 26;
  const tensor = (x, at, text) => svgParts.push(h("text", { class: "tensor", x: x + 8, y: at + 4 }, text));
  const arrow = (x, from, to) => svgParts.push(h("path", { class: "wire", d: `M${x} ${from}V${to - 5}` }), h("path", { class: "head", d: `M${x} ${to}l-4 -7h8z` }));
  const box = (x, at, layer) => {
    const about = saidOf(layer);
    const show = () => { stage.about.textContent = about; };
    svgParts.push(h("g", { class: `layer ${layer.has_weights ? "heavy" : ""}`, tabindex: 0, role: "img", "aria-label": about, onfocus: show, onmouseenter: show }, h("title", {}, about), h("rect", { x: x - BOX.width / 2, y: at, width: BOX.width, height: BOX.height, rx: 5 }), h("text", { x, y: at + 20, "text-anchor": "middle" }, layer.text)));
  };
  const chain = (x, layers) => {
    for (const layer of layers) {
      arrow(x, y, y + BOX.gap);
      y += BOX.gap;
      box(x, y, layer);
      y += BOX.height;
      tensor(x, y + 11, shape(layer.shape));
    }
  };
  svgParts.push(h("text", { class: "tensor strong", x: middle, y: 14, "text-anchor": "middle" }, `x  ${shape(frame.in_shape)}`));
  y = 20;
  let split = y + 6;
  chain(middle, frame.entry);
  if (frame.shortcut_reads_entry) split = y + 16;
  chain(middle, frame.branch);
  if (frame.is_residual) {
    const join = y + 46;
    const count_ = frame.shortcut.length;
    const room = join - split;
    const pitch = room / (count_ + 1);
    svgParts.push(h("path", { class: "skip-wire", d: `M${middle} ${split}H${aside}V${join}H${middle + 16}` }), h("path", { class: "skip-head", d: `M${middle + 10} ${join}l8 -4v8z` }));
    frame.shortcut.forEach((layer, index) => {
      const at = split + pitch * (index + 1) - BOX.height / 2;
      box(aside, at, layer);
      tensor(aside, at + BOX.height + 11, shape(layer.shape));
    });
    if (!count_) svgParts.push(h("text", { class: "tensor strong", x: aside + 10, y: (split + join) / 2 }, "x, as it is"));
    arrow(middle, y, join - 10);
    svgParts.push(h("circle", { class: "plus", cx: middle, cy: join, r: 10 }), h("path", { class: "wire", d: `M${middle - 5} ${join}h10M${middle} ${join - 5}v10` }));
    y = join + 10;
  }
  chain(middle, frame.out);
  arrow(middle, y, y + 26);
  y += 26;
  svgParts.push(h("text", { class: "tensor strong", x: middle, y: y + 14, "text-anchor": "middle" }, `y  ${shape(frame.out_shape)}`));
  const equation = `y = ${frame.out.reduce((inner, layer) => `${layer.text.replace("batch norm", "norm")}(${inner})`, frame.is_residual ? "x + f(x)" : "f(x)")}`;
  const svg = h("svg", { viewBox: `0 0 ${width} ${y + 24}`, role: "group", "aria-label": `A block: ${equation}` }, svgParts);
  const layers = [...frame.entry, ...frame.branch, ...frame.shortcut, ...frame.out];
  const rows = [["layer", "what", "shape", "weights", "multiply-adds"], ...layers.map((each) => [each.name, each.text, shape(each.shape), each.parameters, each.macs])];
  const total = (key) => layers.reduce((sum, each) => sum + each[key], 0);
  fill(
    stage.block,
    h("figcaption", {}, h("h3", {}, equation), exportTools("block", () => ({ figure: stage.block, table: () => rows }))),
    stage.about,
    h("div", { class: "drawing block-drawing" }, svg),
    h("p", { class: "said" }, `${total("parameters").toLocaleString("en")} weights, ${count(total("macs"))} multiply-adds an image.`),
    h("details", { class: "numbers" }, h("summary", {}, "Numbers", h("span", { class: "unseen" }, ": the block's layers")), layerTable(rows)),
  );
}

function layerTable(rows) {
  const [head, ...body] = rows;
  const cell = (value) => (typeof value === "number" ? value.toLocaleString("en") : value);
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Layers" }, h("table", {}, h("thead", {}, h("tr", {}, head.map((each) => h("th", { scope: "col" }, each)))), h("tbody", {}, body.map((row) => h("tr", {}, row.map((each) => h("td", {}, cell(each))))))));
}

function showNetwork(frame) {
  shownNetwork = frame;
  const rows = frame.rows;
  const { width } = sizeIn(stage.network, Infinity);
  const lines = inLines(rows, width);
  let top = 0;
  const boxes = lines.flatMap((line) => {
    const tallest = Math.max(...line.map((each) => each.tall));
    const made = line.map((each) => networkBox(each.row, { ...each, bottom: top + tallest + 2 }));
    top += tallest + 62;
    return made;
  });
  const svg = h("svg", { viewBox: `0 0 ${width} ${top}`, role: "group", "aria-label": `${frame.name}: ${frame.depth} layers` }, boxes);
  const body = [["stage", "blocks", "layers of one", "shape", "weights", "multiply-adds"], ...rows.map((row) => [`${row.stage} ${row.name === row.stage ? "" : row.name}`, row.num_blocks, row.layers.map((each) => each.text).join(", "), shape(row.shape), row.parameters, row.macs])];
  fill(
    stage.network,
    h("figcaption", {}, h("h3", {}, `${frame.name}: ${frame.depth} layers, ${count(frame.parameters)} weights, ${count(frame.macs)} multiply-adds an image`), exportTools("network", () => ({ figure: stage.network, table: () => body }))),
    h("div", { class: "drawing" }, svg),
    h("p", { class: "said" }, "Equal blocks stand in one box, with their number; under it the shape that they give, their weights and their multiply-adds."),
    h("details", { class: "numbers" }, h("summary", {}, "Numbers", h("span", { class: "unseen" }, ": the network")), layerTable(body)),
  );
}

/** Where the boxes of a network stand: in a new line where there is no room, wider for more blocks, taller for larger images. */
function inLines(rows, width) {
  const most = Math.log(1 + Math.max(...rows.map((row) => row.num_blocks || 1)));
  const sides = rows.map((row) => (row.shape.length === 3 ? row.shape[1] : 1));
  const spare = (width - 8 - rows.length * 66) / Math.max(1, rows.filter((row) => row.num_blocks > 1).length);
  const spread = Math.max(20, Math.min(130, spare));
  const lines = [[]];
  let x = 4;
  rows.forEach((row, index) => {
    const wide = 58 + (row.num_blocks > 1 ? (spread * Math.log(1 + row.num_blocks)) / most : 0);
    if (x > 4 && x + wide > width) {
      lines.push([]);
      x = 4;
    }
    lines[lines.length - 1].push({ row, x, wide, tall: 26 + (width < 500 ? 50 : 90) * Math.sqrt(sides[index] / Math.max(...sides)) });
    x += wide + 8;
  });
  return lines;
}

function networkBox(row, { x, bottom, wide, tall }) {
  const words = row.layers.map((each) => each.text).join(", ");
  const about = `${row.stage} ${row.kind === "stem" || row.kind === "head" ? "" : row.name}: ${row.num_blocks > 1 ? `${row.num_blocks} blocks of ` : ""}${words}. Gives ${shape(row.shape)}; ${row.parameters.toLocaleString("en")} weights, ${count(row.macs)} multiply-adds an image.`;
  const show = () => { stage.about.textContent = about; };
  const under = (text, y) => h("text", { class: "tensor", x: x + wide / 2, y: bottom + y, "text-anchor": "middle" }, text);
  return h(
    "g",
    {},
    h("g", { class: `layer heavy ${row.kind}`, tabindex: 0, role: "img", "aria-label": about, onfocus: show, onmouseenter: show }, h("title", {}, about), h("rect", { x, y: bottom - tall, width: wide, height: tall, rx: 4 }), h("text", { x: x + wide / 2, y: bottom - 6, "text-anchor": "middle" }, row.num_blocks ? `×${row.num_blocks}` : row.kind)),
    under(shape(row.shape), 14),
    under(count(row.parameters), 28),
    under(count(row.macs), 42),
  );
}

/** The program that computes what is on the screen. */
export function codeOfBlocks() {
  return shownNetwork ? shownNetwork.code : "";
}
