// The page: its tabs, its tools, and what happens when the state changes.
import { h, fill, byId, announce } from "./dom.js";
import { get, set, go, follow, onState, hashNow } from "./state.js";
import { connect, isReplay, isRecording, startRecording, stopRecording, heldRecording, noteState, play } from "./link.js";
import { buildSignals, updateSignals, codeOfSignals } from "./signals.js";
import { buildRace, updateRace, codeOfRace, pause } from "./race.js";
import { buildBlocks, updateBlocks, codeOfBlocks } from "./blocks.js";
import { buildLessons, loadLessons, showLesson } from "./lessons.js";
import { download } from "./export.js";

const TABS = {
  signals: { name: "Signals", build: buildSignals, update: updateSignals, code: codeOfSignals },
  race: { name: "Race", build: buildRace, update: updateRace, code: codeOfRace },
  blocks: { name: "Blocks", build: buildBlocks, update: updateBlocks, code: codeOfBlocks },
  lessons: { name: "Lessons", build: buildLessons, update: () => {}, code: () => "" },
};
const PLACE = "<!-- recording -->";

let built = "";
let rendered = "";

function render() {
  document.documentElement.dataset.theme = get("theme");
  document.documentElement.classList.toggle("big", Number(get("big")) === 1);
  const tab = get("tab") in TABS ? get("tab") : "signals";
  showTabs(tab);
  showTools();
  showLesson();
  byId("heading").textContent = TABS[tab].name;
  const now = hashNow();
  if (tab !== built) {
    pause();
    built = tab;
    document.title = `${TABS[tab].name} – skipline lab`;
    TABS[tab].build(byId("main"));
  } else if (now !== rendered) {
    TABS[tab].update();
  }
  rendered = now;
  noteState();
}

function showTabs(current) {
  const names = Object.keys(TABS);
  const list = byId("tabs");
  const hadFocus = list.contains(document.activeElement);
  const pick = (name) => set({ tab: name });
  fill(
    list,
    names.map((name, index) =>
      h("button", {
        role: "tab",
        id: `tab-${name}`,
        "aria-selected": String(name === current),
        "aria-controls": "main",
        tabindex: name === current ? 0 : -1,
        onclick: () => pick(name),
        onkeydown: (event) => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (step) pick(names[(index + step + names.length) % names.length]);
        },
      }, TABS[name].name)),
  );
  if (hadFocus) byId(`tab-${current}`).focus();
}

function showTools() {
  const tools = byId("tools");
  const held = tools.contains(document.activeElement) ? document.activeElement.id : "";
  const tool = (id, text, onclick, pressed) => h("button", { id, onclick, "aria-pressed": pressed === undefined ? null : String(pressed) }, text);
  const themes = { auto: "light", light: "dark", dark: "auto" };
  fill(
    tools,
    tool("reset", "Reset", reset),
    tool("share", "Copy link", share),
    tool("code", "Python", saveCode),
    isReplay() ? null : tool("record", isRecording() ? "Stop and save" : "Record", record, isRecording()),
    tool("big", "Big font", () => set({ big: Number(get("big")) === 1 ? 0 : 1 }), Number(get("big")) === 1),
    tool("theme", `Theme: ${{ auto: "system", light: "light", dark: "dark" }[get("theme")] || "system"}`, () => set({ theme: themes[get("theme")] || "auto" })),
  );
  if (held && byId(held)) byId(held).focus();
}

/** Everything as at first, but for the tab and how it looks. */
function reset() {
  const kept = ["tab", "big", "theme"].map((key) => `${key}=${get(key)}`);
  go(`#${kept.join("&")}`);
}

function saveCode() {
  const code = TABS[built].code();
  if (code) download("skipline_lab.py", code, "text/x-python");
  else announce("There is no program yet: it comes with the figures of Signals, Race and Blocks.");
}

async function share() {
  try {
    await navigator.clipboard.writeText(location.href);
    announce("The link was copied: it opens what you see now.");
  } catch {
    announce(`The link is in the address bar: ${location.href}`);
  }
}

async function record() {
  if (!isRecording()) {
    startRecording();
    announce("Recording: change things, then stop.");
    showTools();
    return;
  }
  const made = stopRecording();
  showTools();
  const shell = await (await fetch("replay.html")).text();
  const text = JSON.stringify(made).replaceAll("<", "\\u003c");
  download("skipline-lab.html", shell.replace(PLACE, () => `<script id="recording" type="application/json">${text}<\/script>`), "text/html");
}

// ---- playing a recording

function startReplay() {
  const { entries } = heldRecording();
  const end = entries.length ? entries[entries.length - 1].at : 0;
  let at = 0;
  let timer = 0;
  const place = h("input", { type: "range", min: 0, max: entries.length, value: 0, "aria-label": "Place in the recording" });
  const button = h("button", { id: "replay-play", class: "main-button", onclick: () => (timer ? halt() : run()) }, "Play");
  const to = (wanted) => {
    if (wanted < at) at = 0;
    while (at < wanted) play(entries[at++]);
    place.value = at;
  };
  const halt = () => {
    clearTimeout(timer);
    timer = 0;
    button.textContent = "Play";
  };
  const run = () => {
    if (at >= entries.length) to(0);
    button.textContent = "Pause";
    const next = () => {
      if (at >= entries.length) return halt();
      to(at + 1);
      const pauseFor = at < entries.length ? entries[at].at - entries[at - 1].at : 0;
      timer = setTimeout(next, Math.min(pauseFor, 3000));
    };
    next();
  };
  place.addEventListener("input", () => {
    halt();
    to(Number(place.value));
  });
  const bar = h("div", { class: "replay", role: "group", "aria-label": "Recording" }, h("b", {}, "A recording"), button, place, h("span", {}, `${(end / 1000).toFixed(0)} s; nothing is computed here`));
  byId("main").before(bar);
  to(entries.length);
}

async function begin() {
  byId("jump").addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
  follow();
  await loadLessons();
  onState(render);
  render();
  connect();
  if (isReplay()) startReplay();
}

begin();
