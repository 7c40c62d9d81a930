// Charts as SVG, each with its numbers in a table: lines, dots and bands over places along a net or steps of a race.
import { h, fill, shown } from "./dom.js";

const NARROWEST = 250;
const WIDEST = 560;
const FONT = 15; // pixels of the page's usual font, for which figures are drawn
const LEFT = 58;
const RIGHT = 12;
const TOP = 26;
const BOTTOM = 40;
const DEEPEST = -60; // decades: what is smaller is drawn at the edge
const HIGHEST = 60;

/**
 * A figure: `update({series, xs, names, isLog, level, says})` draws it; `level` is a value with a line of its own.
 * A series is {name, look, form: "line" | "dots" | "crosses" | "band", ys} (a band has lows and highs).
 */
export function chartFigure({ id, title, xTitle, yTitle, tools }) {
  const drawing = h("div", { class: "drawing" });
  const key = h("ul", { class: "key" });
  const table = h("details", { class: "numbers" }, h("summary", {}, "Numbers", h("span", { class: "unseen" }, `: ${title}`)));
  const said = h("p", { class: "said" });
  const figure = h("figure", { id, class: "chart" }, h("figcaption", {}, h("h3", {}, title), tools), key, drawing, said, table);
  const self = { figure, data: null };
  self.update = (data) => {
    self.data = data;
    fill(drawing, drawn(data, { title, xTitle, yTitle, ...sizeIn(drawing) }));
    fill(key, data.series.map((each) => keyEntry(each)));
    said.textContent = data.says || "";
    said.hidden = !data.says;
    const body = () => fill(table, table.firstChild, numbers(data, xTitle));
    if (table.open) body();
    table.ontoggle = () => table.open && body();
  };
  self.table = () => rowsOf(self.data, xTitle);
  whenResized(drawing, () => self.data && self.update(self.data));
  return self;
}

/** How large a figure in `place` is drawn: in pixels of the usual font, so that its text is as large as the page's. */
export function sizeIn(place, widest = WIDEST) {
  const font = parseFloat(getComputedStyle(document.documentElement).fontSize) / FONT;
  const width = Math.round(Math.max(NARROWEST, Math.min(widest, (place.clientWidth || WIDEST) / font)));
  return { width, height: Math.round(150 + 0.2 * width) };
}

/** Calls `draw` whenever `place` has become wider or narrower. */
export function whenResized(place, draw) {
  let width = 0;
  new ResizeObserver(() => {
    const now = sizeIn(place, Infinity).width;
    if (width && now !== width) draw();
    width = now;
  }).observe(place);
}

function keyEntry({ name, look, form }) {
  const mark = h("svg", { viewBox: "0 0 26 12", width: 26, height: 12, "aria-hidden": "true", class: look });
  if (form === "line") mark.append(h("path", { d: "M1 6H25", class: "stroke" }));
  else if (form === "dots") mark.append(h("circle", { cx: 13, cy: 6, r: 3, class: "dot" }));
  else if (form === "band") mark.append(h("rect", { x: 1, y: 1, width: 24, height: 10, class: "band" }));
  else mark.append(h("path", { d: "M10 3l6 6m0-6l-6 6", class: "cross" }));
  return h("li", {}, mark, name);
}

/** The table behind a chart: names, then one column for each series. */
export function rowsOf(data, xTitle) {
  if (!data) return [];
  const columns = data.series.filter((each) => each.ys);
  const head = [xTitle, ...(data.names ? ["place"] : []), ...columns.map((each) => each.name)];
  return [head, ...data.xs.map((x, index) => [x, ...(data.names ? [data.names[index]] : []), ...columns.map((each) => each.ys[index])])];
}

function numbers(data, xTitle) {
  const [head, ...rows] = rowsOf(data, xTitle);
  const cell = (value) => (typeof value === "number" ? shown(value) : value === undefined ? "–" : String(value));
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Numbers" },
    h("table", {}, h("thead", {}, h("tr", {}, head.map((each) => h("th", { scope: "col" }, each)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((each) => h("td", {}, cell(each))))))),
  );
}

function extent(data) {
  let low = Infinity;
  let high = -Infinity;
  const values = data.level === undefined ? [] : [{ ys: [data.level] }];
  for (const each of [...data.series, ...values]) {
    for (const y of [...(each.ys || []), ...(each.lows || []), ...(each.highs || [])]) {
      if (!Number.isFinite(y) || (data.isLog && y <= 0)) continue;
      const value = data.isLog ? Math.max(DEEPEST, Math.min(HIGHEST, Math.log10(y))) : y;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return data.isLog ? [-1, 1] : [0, 1];
  if (data.least !== undefined) low = Math.min(low, data.least);
  if (data.most !== undefined) high = Math.max(high, data.most);
  const room = data.isLog ? Math.max(0.15, 0.05 * (high - low)) : 0.05 * (high - low) || 0.5;
  return [data.least === undefined ? low - room : low, high + room];
}

function ticksOf(low, high, most) {
  const span = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(span));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= span) || 10);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step) found.push(Number(tick.toPrecision(12)));
  return found;
}

/** Where values lie on paper of this size. */
export function scales(data, { width, height }) {
  const [low, high] = extent(data);
  const first = data.xs.length ? data.xs[0] : 0;
  const last = data.xs.length > 1 ? data.xs[data.xs.length - 1] : first + 1;
  const x = (value) => LEFT + ((width - LEFT - RIGHT) * (value - first)) / (last - first);
  const place = (value) => height - BOTTOM - ((height - TOP - BOTTOM) * (value - low)) / (high - low);
  const y = (value) => {
    if (Number.isNaN(value)) return NaN;
    const wanted = data.isLog ? (value > 0 ? Math.log10(value) : -Infinity) : value;
    return place(Math.max(low, Math.min(high, wanted)));
  };
  return { x, y, place, low, high, first, last };
}

function path(xs, ys) {
  let text = "";
  let isDown = false;
  xs.forEach((x, index) => {
    if (Number.isNaN(ys[index])) isDown = false;
    else {
      const isAlone = !isDown && (index + 1 === xs.length || Number.isNaN(ys[index + 1]));
      text += `${isDown ? "L" : "M"}${(isAlone ? x - 2 : x).toFixed(1)} ${ys[index].toFixed(1)}${isAlone ? "h4" : ""}`;
      isDown = true;
    }
  });
  return text;
}

function drawn(data, { title, xTitle, yTitle, width, height }) {
  const { x, y, place, low, high, first, last } = scales(data, { width, height });
  const svg = h("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}. ${data.says || ""} The numbers stand in the table below.` });
  for (const [at, text] of data.isLog ? powersOf(low, high) : ticksOf(low, high, 5).map((tick) => [tick, shown(tick)])) {
    svg.append(h("path", { class: "grid", d: `M${LEFT} ${place(at)}H${width - RIGHT}` }), label(LEFT - 6, place(at) + 4, text, "end"));
  }
  for (const tick of ticksOf(first, last, width < 360 ? 4 : 6)) {
    if (!Number.isInteger(tick)) continue; // places and steps are counted
    svg.append(label(x(tick), height - BOTTOM + 16, shown(tick), "middle"));
  }
  svg.append(
    h("path", { class: "base", d: `M${LEFT} ${height - BOTTOM}H${width - RIGHT}` }),
    h("text", { class: "axis", x: (LEFT + width - RIGHT) / 2, y: height - 6, "text-anchor": "middle" }, xTitle),
    h("text", { class: "axis", x: 4, y: 12 }, yTitle),
  );
  if (data.level !== undefined) svg.append(h("path", { class: "level", d: `M${LEFT} ${y(data.level)}H${width - RIGHT}` }));
  const across = data.xs.map(x);
  const order = { band: 0, line: 1, dots: 2, crosses: 3 }; // what is measured lies on what is predicted
  for (const each of [...data.series].sort((a, b) => order[a.form] - order[b.form])) svg.append(mark(each, across, y));
  return svg;
}

function mark(series, across, y) {
  const group = h("g", { class: series.look });
  if (series.form === "band") {
    const lows = series.lows.map(y);
    const highs = series.highs.map(y);
    if (lows.some(Number.isNaN) || highs.some(Number.isNaN)) return group;
    const back = across.map((x, index) => `L${x.toFixed(1)} ${lows[index].toFixed(1)}`).reverse();
    group.append(h("path", { class: "band", d: path(across, highs) + back.join("") + "Z" }));
    return group;
  }
  const ys = series.ys.map(y);
  if (series.form === "line") group.append(h("path", { class: "stroke", d: path(across, ys) }));
  else {
    const size = across.length > 150 ? 1.3 : 3; // so that a line under many of them is still seen
    across.forEach((x, index) => {
      if (Number.isNaN(ys[index])) return;
      if (series.form === "dots") group.append(h("circle", { class: "dot", cx: x.toFixed(1), cy: ys[index].toFixed(1), r: size }));
      else group.append(h("path", { class: "cross", d: `M${x - 3} ${ys[index] - 3}l6 6m0-6l-6 6` }));
    });
  }
  return group;
}

function label(x, y, text, anchor) {
  return h("text", { class: "tick", x, y, "text-anchor": anchor }, text);
}

/** Where an axis of powers has ticks, and what they say: powers of ten, and where there is room for one only, 2 and 5. */
function powersOf(low, high) {
  const whole = ticksOf(low, high, 5).filter(Number.isInteger);
  if (whole.length > 1) return whole.map((tick) => [tick, power(tick)]);
  const between = [];
  for (let exponent = Math.floor(low); exponent <= high; exponent += 1) {
    for (const each of [1, 2, 5]) between.push([exponent + Math.log10(each), shown(each * 10 ** exponent)]);
  }
  return between.filter(([at]) => at >= low && at <= high);
}

function power(exponent) {
  return h("tspan", {}, "10", h("tspan", { dy: -5, "font-size": "10" }, String(exponent).replace("-", "−")));
}
