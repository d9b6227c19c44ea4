// The guided tour: each step knows by itself, from what is seen, when it is done.

import { h, view } from "./dom.js";
import { cards, messages, seen, show, ui, watch } from "./state.js";
import { STEPS } from "./steps.js";
import { forTab, keep, kept } from "./storage.js";
import { announce } from "./toasts.js";
import { current, t } from "./words.js";

const KEPT = "tour";
let tour = null; // {at, base, first, second, hidden}

export function start() {
  tour = kept(forTab, KEPT);
  const root = document.getElementById("tour");
  watch(["messages", "clouds", "bot", "me", "ui"], () => {
    advance();
    render(root);
    light();
  });
}

export function restartTour() {
  tour = null;
  save();
  show({});
}

function save() {
  keep(forTab, KEPT, tour);
}

// What there is at the beginning of a step, to tell what has come since.
function base() {
  return {
    operations: cards().map((card) => card.operation),
    alone: messages().filter((message) => message.alone).map((message) => message.key),
    received: sum("received"),
  };
}

const sum = (name) => Object.values(seen.clouds ?? {}).reduce((all, cloud) => all + cloud[name], 0);

function advance() {
  if (!seen.clouds || !seen.messages) return;
  const another = tour && sum("calls") < tour.calls; // the sandbox was begun anew
  if (!tour || another) tour = { at: 0, base: base(), first: "", second: "", calls: 0, hidden: Boolean(tour?.hidden) };
  tour.calls = sum("calls");
  while (tour.at < STEPS.length - 1 && STEPS[tour.at].done(tour)) next();
}

function next() {
  tour.at += 1;
  tour.base = base();
  save();
  const step = STEPS[tour.at];
  if (!tour.hidden) announce(t(`tour_${step.name}_title`));
}

function go(step) {
  tour.at = Math.max(0, Math.min(STEPS.length - 1, step));
  tour.base = base();
  save();
  show({});
}

function render(root) {
  root.hidden = !tour || tour.hidden;
  if (root.hidden) return;
  const step = STEPS[tour.at];
  const facts = { operation: tour.second || tour.first, received: sum("received"), accepted: sum("accepted"), requests: cards().length };
  const last = tour.at === STEPS.length - 1;
  view(root, [tour.at, facts, ui.as, current()], () => [
    h("div", { class: "progress", role: "img", "aria-label": t("tour_progress", { step: tour.at + 1, steps: STEPS.length }) },
      STEPS.map((_, index) => h("span", { class: index < tour.at ? "past" : index === tour.at ? "here" : "" }))),
    h("div", { class: "words" },
      h("h2", { id: "tour-title", data: { testid: "tour-title", step: step.name } }, t(`tour_${step.name}_title`)),
      h("p", { data: { testid: "tour-text" } }, t(`tour_${step.name}_text`, facts))),
    h("div", { class: "row" },
      step.help ? h("button", { type: "button", class: "bk-button primary", data: { testid: "tour-help", focus: "help" }, on: { click: () => step.help(tour) } }, t(`tour_${step.name}_help`)) : null,
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
