// The right: the simulated clouds, what can be broken, every call, and the bot itself.

import { h, view } from "./dom.js";
import { botPanel } from "./bot_panel.js";
import { callsPanel } from "./calls_panel.js";
import { cloudsPanel } from "./clouds_panel.js";
import { faultsPanel } from "./faults_panel.js";
import { show, ui, watch } from "./state.js";
import { current, t } from "./words.js";

const PANELS = { clouds: cloudsPanel, faults: faultsPanel, calls: callsPanel, bot: botPanel };
const NEEDS = ["clouds", "calls", "bot", "slack", "log", "ui"];

export function start() {
  const root = document.getElementById("side");
  const tabs = h("div", { class: "tablist", role: "tablist" });
  const body = h("div", { class: "scroll", role: "tabpanel", tabindex: "0", id: "side-panel" });
  root.append(tabs, body);
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = Object.keys(PANELS);
    show({ side: names[(names.indexOf(ui.side) + step + names.length) % names.length] });
    requestAnimationFrame(() => tabs.querySelector("[aria-selected=true]")?.focus());
  });
  watch(NEEDS, () => render(root, tabs, body));
}

function render(root, tabs, body) {
  root.setAttribute("aria-label", t("behind"));
  tabs.setAttribute("aria-label", t("behind"));
  view(tabs, [ui.side, current()], () => Object.keys(PANELS).map((name) => h("button", {
    type: "button",
    role: "tab",
    id: `side-tab-${name}`,
    "aria-selected": ui.side === name ? "true" : "false",
    "aria-controls": "side-panel",
    tabindex: ui.side === name ? "0" : "-1",
    data: { testid: `side-${name}`, focus: name },
    on: { click: () => show({ side: name }) },
  }, t(`side_${name}`))));
  body.setAttribute("aria-labelledby", `side-tab-${ui.side}`);
  body.dataset.testid = `panel-${ui.side}`;
  const made = PANELS[ui.side]();
  view(body, [ui.side, made.version, current()], made.make);
}
