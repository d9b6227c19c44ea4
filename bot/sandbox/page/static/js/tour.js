// The guided tour: each step knows by itself, from what has happened, when it is done.

import { h, view } from "./dom.js";
import { seen, show, ui, watch } from "./state.js";
import { STEPS, first, gone, isTyped, operations, second } from "./steps.js";
import { forTab, keep, kept } from "./storage.js";
import { announce } from "./toasts.js";
import { current, t } from "./words.js";

const KEPT = "tour";
const BREAKING = STEPS.findIndex((step) => step.name === "again");
// {at, calls, hidden}, the operation that was `gone` when it was last begun anew for that, and the operations that were there: `known` when it began, `broken` when something was broken.
let tour = null;

export function start() {
  tour = kept(forTab, KEPT);
  const root = document.getElementById("tour");
  watch(["progress", "messages", "clouds", "bot", "me", "ui"], () => {
    advance();
    render(root);
    light();
  });
  // What is typed is told nobody else before it is sent.
  document.getElementById("conversation").addEventListener("input", () => render(root));
}

export function restartTour() {
  tour = null;
  save();
  show({});
}

function save() {
  keep(forTab, KEPT, tour);
}

const sum = (name) => Object.values(seen.clouds ?? {}).reduce((all, cloud) => all + cloud[name], 0);
const ids = () => operations().map((one) => one.operation);

function advance() {
  if (!seen.clouds || !seen.progress) return;
  const another = tour && sum("calls") < tour.calls; // the sandbox was begun anew
  if (!tour?.known || another) tour = { at: 0, known: ids(), broken: null, calls: 0, hidden: Boolean(tour?.hidden) };
  tour.calls = sum("calls");
  const before = tour.at;
  beginAnew();
  while (tour.at < STEPS.length - 1 && STEPS[tour.at].done(tour)) {
    STEPS[tour.at].after?.(tour);
    moveTo(tour.at + 1);
  }
  if (tour.at !== before && !tour.hidden) announce(t(`tour_${STEPS[tour.at].name}_title`));
}

// Nobody can approve what is gone. Whoever goes on all the same is let go on.
function beginAnew() {
  const lost = gone(tour)?.operation;
  if (!lost || lost === tour.gone) return;
  tour.gone = lost;
  if (tour.at < BREAKING) moveTo(0);
}

function moveTo(step) {
  tour.at = Math.max(0, Math.min(STEPS.length - 1, step));
  if (tour.at >= BREAKING) tour.broken ??= ids();
  save();
}

function go(step) {
  moveTo(step);
  show({});
}

function render(root) {
  root.hidden = !tour || tour.hidden;
  if (root.hidden) return;
  const step = STEPS[tour.at];
  const lost = tour.at === 0 ? gone(tour) : undefined;
  const asked = lost ?? (tour.at < BREAKING ? first(tour) : second(tour) ?? first(tour));
  const text = lost ? "tour_gone_text" : `tour_${step.name}_text`;
  const facts = { operation: asked?.operation ?? t("tour_your_request"), received: sum("received"), accepted: sum("accepted"), requests: ids().length };
  const enter = isTyped(step);
  const last = tour.at === STEPS.length - 1;
  view(root, [tour.at, text, facts, enter, ui.as, current()], () => [
    h("div", { class: "progress", role: "img", "aria-label": t("tour_progress", { step: tour.at + 1, steps: STEPS.length }) },
      STEPS.map((_, index) => h("span", { class: index < tour.at ? "past" : index === tour.at ? "here" : "" }))),
    h("div", { class: "words" },
      h("h2", { id: "tour-title", data: { testid: "tour-title", step: step.name } }, t(`tour_${step.name}_title`)),
      h("p", { data: { testid: "tour-text" } }, enter ? h("strong", {}, t("tour_press_enter")) : t(text, facts))),
    h("div", { class: "row" },
      step.help ? h("button", { type: "button", class: "bk-button primary", data: { testid: "tour-help", focus: "help" }, on: { click: () => step.help(step) } }, t(`tour_${step.name}_help`)) : null,
      tour.at > 0 ? h("button", { type: "button", class: "plain", data: { testid: "tour-back", focus: "back" }, on: { click: () => go(tour.at - 1) } }, t("tour_back")) : null,
      last ? null : h("button", { type: "button", class: "plain", data: { testid: "tour-skip", focus: "skip" }, on: { click: () => go(tour.at + 1) } }, t("tour_skip")),
      h("button", { type: "button", class: "plain", data: { testid: "tour-close", focus: "close" }, on: { click: hide } }, t("tour_close"))),
  ]);
}

function hide() {
  tour.hidden = true;
  save();
  show({});
  document.querySelector("[data-testid=tour-start]")?.focus();
}

// Shows where to look. What it points at comes and goes, so it is looked for after every change.
function light() {
  queueMicrotask(() => {
    const wanted = tour && !tour.hidden ? STEPS[tour.at].target(tour) : null;
    for (const node of document.querySelectorAll(".tour-target")) if (node !== wanted) node.classList.remove("tour-target");
    wanted?.classList.add("tour-target");
  });
}
