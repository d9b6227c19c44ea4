// The page's language, its light, the tour, and beginning anew.

import { act } from "./api.js";
import { confirmed } from "./confirm.js";
import { h, view } from "./dom.js";
import { show, watch } from "./state.js";
import { forBrowser, keep, kept } from "./storage.js";
import { restartTour } from "./tour.js";
import { LANGUAGES, choose, current, t } from "./words.js";

const THEMES = ["auto", "light", "dark"];
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let theme = "auto";

export function start() {
  theme = kept(forBrowser, "theme", "auto");
  dark.addEventListener("change", apply);
  apply();
  const root = document.getElementById("settings");
  watch(["ui"], () => render(root));
}

function apply() {
  document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
}

function render(root) {
  view(root, [current(), theme], () => [
    h("button", { type: "button", class: "plain", data: { testid: "tour-start", focus: "tour" }, on: { click: restartTour } }, t("tour")),
    labelled("language", t("page_language"), Object.entries(LANGUAGES), current(), (value) => {
      choose(value);
      show({});
    }),
    labelled("theme", t("theme"), THEMES.map((name) => [name, t(`theme_${name}`)]), theme, (value) => {
      theme = value;
      keep(forBrowser, "theme", value);
      apply();
      show({});
    }),
    h("button", { type: "button", class: "plain", title: t("reset_about"), data: { testid: "reset", focus: "reset" }, on: { click: reset } }, t("reset")),
  ]);
}

function labelled(name, label, options, value, change) {
  const node = h("select", { data: { testid: name, focus: name }, on: { change: (event) => change(event.target.value) } },
    options.map(([key, text]) => h("option", { value: key }, text)));
  node.value = value;
  return h("label", {}, h("span", {}, label), node);
}

async function reset() {
  const asked = { title: { text: t("reset_title") }, text: { text: t("reset_sure") }, confirm: { text: t("reset_yes") }, deny: { text: t("reset_no") }, style: "danger" };
  if (!(await confirmed(asked))) return;
  show({ connection: "building" });
  await act("reset");
  restartTour();
}
