// Lessons: the lecture's claims in order, each predicted first and then run. A lesson is data: see docs/lab.md.
import { h, fill, byId, announce } from "./dom.js";
import { cleared, get, set, fromHash } from "./state.js";
import { raceTo } from "./race.js";

const MOST_BYTES = 200000;
const FORMAT = "skipline.lessons";

let course = { title: "", lessons: [] };
let guesses = [];

/** Lessons as a file has them, checked; throws an error that says what is wrong. */
export function lessonsOf(text) {
  if (text.length > MOST_BYTES) throw new Error(`the file is longer than ${MOST_BYTES} characters`);
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("the file is not JSON");
  }
  if (found === null || typeof found !== "object" || found.format !== FORMAT || found.version !== 1) throw new Error(`expected "format": "${FORMAT}", "version": 1`);
  if (!Array.isArray(found.lessons) || !found.lessons.length || found.lessons.length > 100) throw new Error('expected "lessons": a list of 1 to 100');
  found.lessons.forEach((each, index) => {
    const where = `lesson ${index + 1}`;
    for (const key of ["title", "claim", "question", "run", "see"]) if (typeof each[key] !== "string" || !each[key]) throw new Error(`${where} needs text for "${key}"`);
    if (!Array.isArray(each.options) || each.options.length < 2 || each.options.length > 6 || each.options.some((option) => typeof option !== "string")) throw new Error(`${where} needs 2 to 6 "options"`);
    if (!Number.isInteger(each.answer) || !each.options[each.answer]) throw new Error(`${where}: "answer" is the number of an option, from 0`);
    if (each.steps !== undefined && !(Number.isInteger(each.steps) && each.steps > 0 && each.steps <= 5000)) throw new Error(`${where}: "steps" is a whole number from 1 to 5000`);
  });
  return { title: typeof found.title === "string" ? found.title : "Lessons", lessons: found.lessons };
}

/** Take up the lessons that come with the page. */
export async function loadLessons() {
  const held = byId("lessons");
  course = lessonsOf(held ? held.textContent : await (await fetch("lessons.json")).text());
}

export function buildLessons(main) {
  const list = h("ol", { class: "lessons" }, course.lessons.map((each, index) => h("li", {}, h("button", { onclick: () => openLesson(index + 1) }, each.title), h("p", {}, each.claim))));
  const file = h("input", { type: "file", accept: ".json,application/json", id: "own-lessons" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  file.addEventListener("change", async () => {
    try {
      const text = await file.files[0].text();
      file.value = ""; // so that the same file, mended, can be opened again
      course = lessonsOf(text);
      guesses = [];
      buildLessons(main);
      announce(`${course.lessons.length} lessons were opened.`);
    } catch (error) {
      trouble.textContent = `These lessons cannot be opened: ${error.message}.`;
    }
  });
  fill(main, h("div", { class: "prose" }, h("h2", {}, course.title), h("p", {}, "Each says a claim, asks what you expect, and then runs it. Nothing is prepared: what you see is computed as you look."), list, h("label", { class: "field own" }, h("span", {}, "Lessons of your own"), file), trouble));
  document.body.dataset.settled = "lessons";
}

function openLesson(number) {
  guesses[number] = undefined;
  set({ lesson: number });
  scrollTo(0, 0); // the lesson stands above the page
  byId("lesson-title").focus({ preventScroll: true });
}

/** The bar above the page, while a lesson is open. */
export function showLesson() {
  const bar = byId("lesson");
  const number = get("lesson");
  const lesson = course.lessons[number - 1];
  bar.hidden = !lesson;
  if (!lesson) return;
  const guess = guesses[number];
  const options = lesson.options.map((text, index) =>
    h("label", { class: "option" }, h("input", { type: "radio", name: "guess", value: index, checked: guess && guess.index === index, disabled: guess && guess.isRun, onchange: () => { guesses[number] = { index, isRun: false }; showLesson(); byId("run-lesson").focus(); } }), text));
  const isRun = guess && guess.isRun;
  const verdict = isRun ? (guess.index === lesson.answer ? "As you said. " : `Not so: “${lesson.options[lesson.answer]}”. `) : "";
  fill(
    bar,
    h("div", { class: "lesson-head" }, h("h2", { id: "lesson-title", tabindex: -1 }, `${number} of ${course.lessons.length}: ${lesson.title}`), h("button", { class: "small", onclick: () => set({ lesson: 0 }), "aria-label": "Close the lesson" }, "Close")),
    h("p", { class: "claim" }, lesson.claim),
    h("fieldset", { class: "options" }, h("legend", {}, lesson.question), options),
    h(
      "div",
      { class: "buttons" },
      h("button", { id: "run-lesson", class: "main-button", disabled: !guess, onclick: () => runLesson(number) }, isRun ? "Run it again" : "Run it"),
      number > 1 ? h("button", { onclick: () => openLesson(number - 1) }, "Back") : null,
      number < course.lessons.length ? h("button", { id: "next-lesson", onclick: () => openLesson(number + 1) }, "Next") : null,
    ),
    isRun ? h("p", { class: "see", id: "see", role: "status" }, h("b", {}, verdict), lesson.see) : null,
  );
}

function runLesson(number) {
  const lesson = course.lessons[number - 1];
  guesses[number] = { ...guesses[number], isRun: true };
  set({ ...cleared(), ...fromHash(lesson.run), lesson: number, big: get("big"), theme: get("theme") });
  showLesson();
  if (lesson.steps) raceTo(lesson.steps);
}
