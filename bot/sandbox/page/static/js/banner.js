// What everybody has to know: the bot is dead, Slack is down, the connection is lost.

import { h, view } from "./dom.js";
import { act } from "./api.js";
import { seen, ui, watch } from "./state.js";
import { current, t } from "./words.js";

const MENDS = {
  restart: { label: () => t("bot_restart"), go: () => act("bot", { do: "restart" }) },
  slack: { label: () => t("slack_end"), go: () => act("slack", { outage: false }) },
};

export function start() {
  const root = document.getElementById("banner");
  watch(["bot", "slack", "ui"], () => render(root));
}

function render(root) {
  const said = [];
  if (ui.connection === "lost") said.push({ key: "connection_lost" });
  if (ui.connection === "building") said.push({ key: "building" });
  if (ui.connection === "open") {
    if (seen.bot?.phase === "dead") said.push({ key: "bot_dead", mend: "restart" });
    if (seen.bot?.phase === "starting") said.push({ key: "bot_starting" });
    if (seen.slack?.outage) said.push({ key: "slack_down", mend: "slack" });
    if (seen.slack?.retrying?.length) said.push({ key: "retrying", number: Math.max(...seen.slack.retrying) });
  }
  root.hidden = !said.length;
  view(root, [said, current()], () => said.map((one) => h("p", {}, `⚠ ${t(one.key, one)} `,
    one.mend ? h("button", { type: "button", class: "plain", data: { testid: `banner-${one.mend}` }, on: { click: MENDS[one.mend].go } }, MENDS[one.mend].label()) : null)));
}
