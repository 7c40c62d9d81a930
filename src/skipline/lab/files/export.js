// What leaves the page: figures as SVG and PNG, numbers as CSV, code, recordings.
import { h, announce } from "./dom.js";

const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "font-family", "font-size", "font-weight"];
const PNG_SCALE = 2;

/** Hand `content` to the browser's downloads. */
export function download(name, content, kind) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  announce(`${name} was saved.`);
}

/** An SVG that stands alone: every colour written out, the page's colour behind it. */
export function standalone(svg) {
  const copy = svg.cloneNode(true);
  const originals = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, index) => {
    const style = getComputedStyle(originals[index]);
    for (const name of STYLES) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("class");
  });
  const [, , width, height] = svg.getAttribute("viewBox").split(" ");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  copy.prepend(h("rect", { width, height, fill: getComputedStyle(document.body).backgroundColor }));
  return new XMLSerializer().serializeToString(copy);
}

export function saveSvg(name, svg) {
  download(`${name}.svg`, standalone(svg), "image/svg+xml");
}

export function savePng(name, svg) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const image = new Image();
  image.onload = () => {
    const canvas = h("canvas", { width: width * PNG_SCALE, height: height * PNG_SCALE });
    const pen = canvas.getContext("2d");
    pen.scale(PNG_SCALE, PNG_SCALE);
    pen.drawImage(image, 0, 0, width, height);
    canvas.toBlob((blob) => download(`${name}.png`, blob, "image/png"));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg))}`;
}

/** Rows as CSV (RFC 4180): numbers to every digit, infinity and NaN as words. */
export function csvOf(rows) {
  const cell = (value) => {
    const text = value === undefined || value === null ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** The three buttons of a figure. */
export function exportTools(name, figureOf) {
  const svg = () => figureOf().figure.querySelector(".drawing svg");
  return h(
    "span",
    { class: "exports" },
    h("button", { class: "small", onclick: () => saveSvg(name, svg()), "aria-label": `Save the figure ${name} as SVG` }, "SVG"),
    h("button", { class: "small", onclick: () => savePng(name, svg()), "aria-label": `Save the figure ${name} as PNG` }, "PNG"),
    h("button", { class: "small", onclick: () => download(`${name}.csv`, csvOf(figureOf().table()), "text/csv"), "aria-label": `Save the numbers of ${name} as CSV` }, "CSV"),
  );
}
