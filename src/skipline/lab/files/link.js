// The line to the server: asks, hands on the frames of the newest question only, and takes up again what broke off.
import { byId, announce } from "./dom.js";
import { go, hashNow } from "./state.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;
const MOST_RECORDED = 4000; // frames: some tens of megabytes

let socket = null;
let number = 0;
let pending = null; // { request, onFrame }
let wait = FIRST_WAIT;
let recording = null; // { began, entries } while one is made
const handlers = new Map(); // of kinds, for a recording that is played

/** Whether this page plays a recording and has no server. */
export function isReplay() {
  return byId("recording") !== null;
}

/** Ask; whatever was asked before is given up. `onFrame` gets each part of the answer. */
export function ask(request, onFrame) {
  handlers.set(request.kind, onFrame);
  if (isReplay()) return;
  pending = { request: { ...request, id: ++number }, onFrame };
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(pending.request));
  note({ kind: request.kind, hash: hashNow() });
}

export function connect() {
  if (isReplay()) return;
  socket = new WebSocket(`ws://${location.host}/socket`);
  socket.addEventListener("open", () => {
    wait = FIRST_WAIT;
    say("");
    if (pending) socket.send(JSON.stringify(pending.request));
  });
  socket.addEventListener("message", (event) => {
    const frame = JSON.parse(event.data);
    if (!pending || frame.id !== pending.request.id) return;
    note({ kind: pending.request.kind, frame });
    pending.onFrame(frame);
  });
  socket.addEventListener("close", (event) => {
    const why = event.reason ? ` It said: ${event.reason}.` : "";
    say(`The server is gone.${why} Start it again with “skipline lab”; this page goes on by itself.`);
    setTimeout(connect, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  });
}

function say(text) {
  const gone = byId("gone");
  if (gone.hidden && !text) return;
  gone.textContent = text;
  gone.hidden = !text;
  announce(text || "The server is there again.");
}

// ---- recordings

function note(entry) {
  if (!recording) return;
  recording.entries.push({ at: Math.round(performance.now() - recording.began), ...entry });
  if (recording.entries.length >= MOST_RECORDED) announce("The recording is as long as it may be: stop it.");
  if (recording.entries.length > MOST_RECORDED) recording.entries.pop();
}

export function isRecording() {
  return recording !== null;
}

export function startRecording() {
  recording = { began: performance.now(), entries: [] };
  note({ kind: "state", hash: hashNow() });
}

/** The recording, as it goes into a file. */
export function stopRecording() {
  const made = { format: "skipline.lab-recording", version: 1, entries: recording.entries };
  recording = null;
  return made;
}

/** Note that the state changed without a question. */
export function noteState() {
  note({ kind: "state", hash: hashNow() });
}

/** What the page holds, checked; throws where it is none. */
export function heldRecording() {
  const held = JSON.parse(byId("recording").textContent);
  if (held.format !== "skipline.lab-recording" || held.version !== 1) throw new Error("this is no recording of the lab");
  return held;
}

/** Show one entry of a recording. */
export function play(entry) {
  if (entry.hash !== undefined && entry.hash !== hashNow()) go(entry.hash);
  if (entry.frame) {
    const handler = handlers.get(entry.kind === "advance" ? "race" : entry.kind);
    if (handler) handler(entry.frame);
  }
}
