// The Race tab: two nets on the same data, from the same seed.
import { h, fill, byId, announce, num, nums, shown } from "./dom.js";
import { get, set, cleared, fromHash, setupNow, secondSetup } from "./state.js";
import { ask, isReplay } from "./link.js";
import { chartFigure } from "./chart.js";
import { download, exportTools } from "./export.js";
import { choice, netControls } from "./controls.js";

const SPEEDS = { slow: "1 step a second", medium: "5 steps a second", fast: "as fast as it goes" };
const PAUSES = { slow: 1000, medium: 200, fast: 0 };
const MOST_ASKED = 10; // steps at once, where they are quick
const ANSWER = 600; // milliseconds that an answer may take, so that “Pause” is soon followed
const DATA = { spirals: "two spirals", circles: "circles", quadrants: "quadrants (XOR)", moons: "two moons", clouds: "two clouds", digits: "digits, 8×8" };

let scene = null;
let track = null; // what has been seen of this race
let isPlaying = false;
let raced = "";
let until = Infinity; // the step at which it stops by itself
let playsTo = 0; // how far it runs by itself as soon as it has started
let isStarting = false; // until both nets are there
let sent = { at: 0, steps: 1 }; // when steps were asked for last, and how many
let pace = 0; // milliseconds that a step took then

const RACES = {
  "56 layers against 8, plain": "unit=plain&depth=56&b.unit=plain&b.depth=8&data=circles",
  "100 layers, with skips and without": "unit=residual&depth=100&b.unit=plain&b.depth=100&data=circles",
  "batch norm against none": "unit=residual&depth=50&b.unit=residual&b.depth=50&b.norm=none&data=spirals",
  "1000 layers, pre-activation": "unit=preact&depth=1000&b.unit=plain&b.depth=1000&data=circles",
};

export function buildRace(main) {
  const chart = (id, title, xTitle, yTitle) => chartFigure({ id, title, xTitle, yTitle, tools: exportTools(id, () => scene[id]) });
  scene = {
    a: h("fieldset", { class: "controls racer-a" }),
    b: h("fieldset", { class: "controls racer-b" }),
    shared: h("div", { class: "shared" }),
    boards: h("div", { class: "boards" }),
    working: h("p", { class: "working" }),
    presets: h("div", { class: "presets", role: "group", "aria-label": "Presets" }, Object.entries(RACES).map(([name, hash]) => h("button", { onclick: () => set({ ...cleared(), ...fromHash(hash) }) }, name))),
    loss: chart("loss", "Training loss", "step", "cross-entropy"),
    error: chart("error", "Training and test error", "step", "share wrong"),
    gradient: chart("gradient", "Gradient of each weight tensor", "tensor", "‖∂/∂W‖"),
    update: chart("update", "Update of each weight tensor", "tensor", "‖ΔW‖ / ‖W‖"),
    silent: chart("silent", "Dead units of each layer", "activation", "share of channels"),
  };
  fill(
    main,
    h("div", { class: "bench" }, h("aside", {}, scene.presets, h("form", { onsubmit: (event) => event.preventDefault(), "aria-label": "The race" }, scene.shared, scene.a, scene.b)), h("div", { class: "views" }, h("div", {}, scene.boards, scene.working), h("div", { class: "panels" }, scene.loss.figure, scene.error.figure, scene.gradient.figure, scene.update.figure, scene.silent.figure))),
  );
  raced = "";
  updateRace();
}

/** A net as it can race: with all of its blocks, and not the linear one, which learns nothing. */
function racing(setup) {
  return { ...setup, unit: setup.unit === "linear" ? "plain" : setup.unit, lesions: [] };
}

function raceNow() {
  return { a: racing(setupNow()), b: racing(secondSetup()), data: get("data"), rate: get("rate"), batch: 64 };
}

export function updateRace() {
  const now = JSON.stringify(raceNow());
  if (!scene.a.contains(document.activeElement) || document.activeElement.type !== "range") {
    const held = document.activeElement && document.activeElement.id;
    fill(scene.a, h("legend", {}, "Net A"), netControls("", racing(setupNow()), { isShort: true }));
    fill(scene.b, h("legend", {}, "Net B"), netControls("b.", racing(secondSetup()), { isShort: true }));
    showShared();
    if (held && byId(held)) byId(held).focus();
  }
  if (now === raced) return;
  raceTo(isPlaying ? until : playsTo); // what plays goes on with the nets as they now are
}

function showShared() {
  const rate = h("input", { type: "number", id: "control-rate", min: 0.0001, max: 10, step: "any", value: get("rate") });
  rate.addEventListener("change", () => Number(rate.value) > 0 && set({ rate: Math.min(10, Number(rate.value)) }));
  fill(
    scene.shared,
    h("div", { class: "buttons" }, h("button", { id: "play", class: "main-button", onclick: () => (isPlaying || playsTo ? pause() : startPlaying()) }, isPlaying || playsTo ? "Pause" : "Play"), h("button", { id: "step", onclick: stepOnce }, "Step"), h("button", { id: "restart", onclick: restart }, "Start again")),
    h("label", { class: "field" }, h("span", {}, "Data"), choice("data", DATA, get("data"), (value) => set({ data: value }))),
    h("label", { class: "field" }, h("span", {}, "Learning rate"), rate),
    h("label", { class: "field" }, h("span", {}, "Speed"), choice("speed", SPEEDS, get("speed"), (value) => set({ speed: value }))),
  );
}

function emptyTrack() {
  return { code: "", steps: [], loss: [[], []], read: [], train: [[], []], test: [[], []], nets: [{}, {}], points: [], labels: [] };
}

function restart() {
  pause();
  const request = raceNow();
  raced = JSON.stringify(request);
  track = emptyTrack();
  isStarting = true;
  pace = 0;
  delete document.body.dataset.settled;
  scene.working.textContent = "Both nets are being built …";
  ask({ kind: "race", ...request }, receiveRace);
}

/** The program that runs this race as far as it has come. */
export function codeOfRace() {
  return track ? track.code.replace("STEPS = 0", `STEPS = ${lastStep()}`) : "";
}

function lastStep() {
  return track.steps[track.steps.length - 1] || 0;
}

export function pause() {
  isPlaying = false;
  playsTo = 0;
  showPlay(false);
}

/** Race up to step `last`, 0 for not at all, from the start: that of nets which are being built is waited for. */
export function raceTo(last) {
  if (!isStarting || raced !== JSON.stringify(raceNow())) restart();
  playsTo = last;
  showPlay(last > 0);
}

/** Race on, up to step `last` if one is given; nets that are still being built set out when they are there. */
function startPlaying(last = Infinity) {
  if (isStarting && !isReplay()) {
    playsTo = last;
    showPlay(true);
    return;
  }
  isPlaying = true;
  until = last;
  showPlay(true);
  advance();
}

function showPlay(isOn) {
  const button = byId("play");
  if (button) button.textContent = isOn ? "Pause" : "Play";
}

function stepOnce() {
  if (isStarting && !isReplay()) {
    playsTo = 1;
    showPlay(true);
    return;
  }
  pause();
  advance();
}

function advance() {
  if (isReplay()) return;
  const many = isPlaying && get("speed") === "fast" && pace > 0 ? Math.max(1, Math.min(MOST_ASKED, Math.round(ANSWER / pace))) : 1;
  sent = { at: performance.now(), steps: Math.min(many, isPlaying ? Math.max(1, until - lastStep()) : 1) };
  ask({ kind: "advance", steps: sent.steps }, receiveRace);
}

function receiveRace(frame) {
  if (!scene || !track) return;
  scene.working.textContent = frame.part === "working" ? `${frame.says} …` : "";
  if (frame.part === "working") return;
  if (frame.part === "error") {
    isStarting = false;
    pause();
    fill(scene.boards, h("p", { class: "sentence" }, frame.says));
    announce(frame.says);
    if (frame.says.startsWith("no race")) restart();
    return;
  }
  if (frame.part === "done") {
    document.body.dataset.settled = "race";
    if (!isStarting) pace = (performance.now() - sent.at) / sent.steps;
    isStarting = false;
    if (playsTo) {
      const last = playsTo;
      playsTo = 0;
      startPlaying(last);
      return;
    }
    if (lastStep() >= until) pause();
    if (isPlaying) setTimeout(() => isPlaying && advance(), PAUSES[get("speed")] || 0);
    return;
  }
  const isFull = frame.nets.some((net) => "test_error" in net);
  if (frame.step === 0) track = { ...emptyTrack(), code: frame.code || "", points: frame.points || [], labels: frame.labels || [] };
  else track.steps.push(frame.step);
  if (isFull) track.read.push(frame.step);
  frame.nets.forEach((net, index) => {
    if (frame.step > 0) track.loss[index].push(num(net.loss));
    if (isFull) {
      track.train[index].push(num(net.train_error));
      track.test[index].push(num(net.test_error));
    }
    track.nets[index] = { ...track.nets[index], ...net };
  });
  showBoards(frame.step, isFull);
  showRaceCharts(isFull, frame.nets.some((net) => "layers" in net));
}

function showRaceCharts(isFull, isRead) {
  const xs = track.steps;
  const looks = ["look-a", "look-b"];
  const names = ["A", "B"];
  scene.loss.update({ series: looks.map((look, index) => ({ form: "line", look, name: names[index], ys: track.loss[index] })), xs, isLog: true });
  if (isFull) {
    scene.error.update({
      series: looks.flatMap((look, index) => [
        { form: "line", look, name: `${names[index]}, training`, ys: track.train[index] },
        { form: "dots", look, name: `${names[index]}, test`, ys: track.test[index] },
      ]),
      xs: track.read,
      isLog: false,
      least: 0,
      says: "Of all training points and of as many others, answered alike. Read every tenth step.",
    });
  }
  if (!isRead && track.steps.length) return;
  showLayers(scene.gradient, "layers", "gradient", { isLog: true });
  showLayers(scene.update, "layers", "update", { isLog: true, says: "About 0.001 is healthy: a rule of thumb." });
  showLayers(scene.silent, "activations", "silent", { isLog: false, least: 0, most: 1, says: "A channel is dead that is 0 for every image of the batch, at every place." });
}

/** One number for each layer of both nets, from the first to the last; `places` names the layers. */
function showLayers(chart, places, quantity, more) {
  const named = track.nets.map((net) => net[places] || []);
  const names = named[0].length >= named[1].length ? named[0] : named[1];
  const series = ["look-a", "look-b"].map((look, index) => {
    const ys = nums(track.nets[index][quantity]);
    return { form: "line", look, name: "AB"[index], ys: names.map((_, place) => (place < ys.length ? ys[place] : NaN)) };
  });
  chart.update({ series, xs: names.map((_, index) => index + 1), names, ...more });
}

function showBoards(step, isFull) {
  const boards = track.nets.map((net, index) => {
    const facts = [
      ["step", step],
      ["loss", shown(num(net.loss))],
      ["training error", percent(num(net.train_error))],
      ["test error", percent(num(net.test_error))],
      ["dead units", percent(mean(nums(net.silent)))],
    ];
    const list = h("dl", {}, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))));
    return h("section", { class: `board board-${"ab"[index]}`, "aria-label": `Net ${"AB"[index]}` }, h("h3", {}, `${"AB"[index]}: ${net.name || "…"}`), h("div", { class: "board-body" }, net.boundary ? boundaryField(net, index) : null, list));
  });
  if (isFull || !scene.boards.querySelector("canvas")) {
    fill(scene.boards, boards);
    track.nets.forEach((net, index) => net.boundary && paint(boards[index].querySelector("canvas"), net.boundary));
  } else {
    boards.forEach((board, index) => scene.boards.children[index].querySelector("dl").replaceWith(board.querySelector("dl")));
  }
}

/** What a net says of each place: as a picture, and as a table. */
function boundaryField(net, index) {
  const who = `net ${"AB"[index]}`;
  const numbers = h("details", { class: "numbers", id: `boundary-${"ab"[index]}` }, h("summary", {}, "Numbers", h("span", { class: "unseen" }, `: what ${who} says of each place`)));
  numbers.ontoggle = () => numbers.open && fill(numbers, numbers.firstChild, boundaryTable(net.boundary));
  const before = byId(numbers.id);
  numbers.open = Boolean(before && before.open); // which calls ontoggle
  return h(
    "div",
    { class: "field-of-points" },
    h("canvas", { width: 240, height: 240, role: "img", "aria-label": `What ${who} says of each place: ${percent(num(net.test_error))} of the test points are wrong.` }),
    h("button", { class: "small", onclick: () => saveBoard(index), "aria-label": `Save what ${who} says of each place as PNG` }, "PNG"),
    numbers,
  );
}

/** How likely class 1 (the round points) is, in per cent; the first row is the uppermost. */
function boundaryTable({ side, span, share }) {
  const at = (index) => shown(-span + (2 * span * index) / (side - 1));
  const indices = [...Array(side).keys()];
  const row = (up) => h("tr", {}, h("th", { scope: "row" }, at(up)), indices.map((across) => h("td", {}, shown(Math.round(100 * num(share[up * side + across]))))));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Per cent for the round points" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "y \\ x"), indices.map((across) => h("th", { scope: "col" }, at(across))))), h("tbody", {}, [...indices].reverse().map(row))));
}

function saveBoard(index) {
  scene.boards.querySelectorAll("canvas")[index].toBlob((blob) => download(`boundary-${"ab"[index]}.png`, blob, "image/png"));
}

function mean(values) {
  return values.length ? values.reduce((sum, each) => sum + each, 0) / values.length : NaN;
}

function percent(share) {
  return Number.isNaN(share) ? "–" : `${(100 * share).toFixed(1)} %`;
}

function paint(canvas, { side, span, share }) {
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.body);
  const colours = [style.getPropertyValue("--class-0"), style.getPropertyValue("--class-1")];
  const cell = canvas.width / side;
  share.forEach((each, index) => {
    const p = num(each);
    const x = (index % side) * cell;
    const y = canvas.height - cell * (Math.floor(index / side) + 1);
    pen.globalAlpha = 1;
    pen.fillStyle = style.getPropertyValue("--page");
    pen.fillRect(x, y, cell, cell);
    if (Number.isNaN(p)) return;
    pen.globalAlpha = 0.12 + 0.6 * Math.abs(2 * p - 1);
    pen.fillStyle = colours[p > 0.5 ? 1 : 0];
    pen.fillRect(x, y, cell, cell);
  });
  pen.globalAlpha = 1;
  const place = (value) => (canvas.width * (value + span)) / (2 * span);
  track.points.forEach(([x, y], index) => {
    const isOne = track.labels[index] === 1;
    pen.beginPath();
    pen.strokeStyle = style.getPropertyValue("--page");
    pen.fillStyle = colours[isOne ? 1 : 0];
    if (isOne) pen.arc(place(x), canvas.height - place(y), 2.6, 0, 7);
    else pen.rect(place(x) - 2.2, canvas.height - place(y) - 2.2, 4.4, 4.4);
    pen.fill();
    pen.stroke();
  });
}
