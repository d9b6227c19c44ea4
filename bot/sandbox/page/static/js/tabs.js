// On a narrow screen one pane is shown at a time.

import { h, view } from "./dom.js";
import { icon } from "./icons.js";
import { show, ui, watch } from "./state.js";
import { current, t } from "./words.js";

const PANES = { sidebar: "menu", conversation: "reply", thread: "thread", side: "cloud" };

export function start() {
  const root = document.getElementById("tabs");
  watch(["ui"], () => {
    document.body.dataset.pane = ui.pane;
    root.setAttribute("aria-label", t("panes"));
    view(root, [ui.pane, Boolean(ui.thread), current()], () => Object.entries(PANES)
      .filter(([name]) => name !== "thread" || ui.thread)
      .map(([name, sign]) => h("button", { type: "button", "aria-current": ui.pane === name ? "true" : undefined, data: { testid: `pane-${name}`, focus: name }, on: { click: () => show({ pane: name }) } },
        icon(sign), t(`pane_${name}`))));
  });
}
