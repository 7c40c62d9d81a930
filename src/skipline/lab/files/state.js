// The whole state of the page, which stands in its address: to share, to go back to, to come back to.

/** A network and how it is looked at; the names are the server's. */
export const SETUP = {
  unit: "residual",
  depth: 50,
  width: 8,
  init: "he_fan_out_normal",
  alpha: 0.5,
  norm: "batch",
  groups: 4,
  act: "relu",
  slope: 0.2,
  shortcut: "a",
  scale: 1,
  skip_scale: 1,
  skip_dropout: 0,
  gate: "none",
  dtype: "float32",
  batch: 16,
  seed: 0,
  site: "out",
  fixes: [],
  lesions: [],
};

export const BLOCK = { branch: "basic", order: "post", shortcut: "a", stride_at: "first", in: 64, out: 64, stride: 1, side: 56 };

const PAGE = { tab: "signals", data: "spirals", rate: 0.05, speed: "fast", lesson: 0, big: 0, theme: "auto" };

const DEFAULTS = {
  ...PAGE,
  ...SETUP,
  ...Object.fromEntries(Object.entries(BLOCK).map(([key, value]) => ["block." + key, value])),
  ...Object.fromEntries(Object.keys(SETUP).map((key) => ["b." + key, undefined])),
};

let current = {};
const listeners = new Set();

function parsed(key, text) {
  const standard = key.startsWith("b.") ? SETUP[key.slice(2)] : DEFAULTS[key];
  if (Array.isArray(standard)) return text ? text.split(",") : [];
  if (typeof standard === "number") return Number.isFinite(Number(text)) && text !== "" ? Number(text) : standard;
  return text;
}

/** The state that an address says: `depth=50&unit=plain`; `skip=0` is short for a plain net. */
export function fromHash(hash) {
  const found = {};
  for (const [key, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (key === "skip") found.unit = text === "0" ? "plain" : "residual";
    else if (key in DEFAULTS) found[key] = parsed(key, text);
  }
  return found;
}

/** The address of a state: what is as always is left out. */
export function toHash(state) {
  const query = new URLSearchParams();
  for (const key of Object.keys(DEFAULTS)) {
    const value = state[key];
    if (value === undefined || String(value) === String(DEFAULTS[key])) continue;
    query.set(key, String(value));
  }
  return "#" + query.toString().replaceAll("%28", "(").replaceAll("%29", ")").replaceAll("%2C", ",");
}

/** The value of `key` now. */
export function get(key) {
  return current[key] === undefined ? DEFAULTS[key] : current[key];
}

export function setupNow() {
  return Object.fromEntries(Object.keys(SETUP).map((key) => [key, get(key)]));
}

/** The second net of a race: the first one, plain, but for what was said of it. */
export function secondSetup() {
  const own = Object.keys(SETUP).filter((key) => get("b." + key) !== undefined);
  return { ...setupNow(), unit: "plain", fixes: [], lesions: [], ...Object.fromEntries(own.map((key) => [key, get("b." + key)])) };
}

export function blockNow() {
  return Object.fromEntries(Object.keys(BLOCK).map((key) => [key, get("block." + key)]));
}

/** Change the state; `isPassing`, as while a slider moves, leaves no trace behind the back button. */
export function set(changes, { isPassing = false } = {}) {
  current = { ...current, ...changes };
  write(isPassing);
  tellAll();
}

/** Put a whole state in place of the one there is. */
export function go(hash) {
  current = fromHash(hash);
  write(false);
  tellAll();
}

/** Every part of both nets and of their race as it is at first, whatever was looked at before. */
export function cleared() {
  const keys = Object.keys(SETUP);
  return Object.fromEntries([...keys, ...keys.map((key) => "b." + key), "data", "rate", "speed"].map((key) => [key, undefined]));
}

export function hashNow() {
  return toHash(current);
}

function write(isPassing) {
  const hash = toHash(current);
  if (hash === location.hash || (hash === "#" && !location.hash)) return;
  if (isPassing) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
}

function tellAll() {
  for (const listener of listeners) listener();
}

export function onState(listener) {
  listeners.add(listener);
}

/** Take the state from the address, now and whenever somebody goes back or types another one. */
export function follow() {
  const read = () => {
    current = fromHash(location.hash);
    tellAll();
  };
  addEventListener("popstate", read);
  addEventListener("hashchange", () => {
    if (toHash(fromHash(location.hash)) !== toHash(current)) read();
  });
  current = fromHash(location.hash);
}
