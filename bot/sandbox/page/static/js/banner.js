// What everybody has to know: the bot is dead, Slack is down, the connection is lost.

import { h, view } from "./dom.js";
import { act } from "./api.js";
import { seen, ui, watch } from "./state.js";
import { current, t } from "./words.js";

export function start() {
  const root = document.getElementById("banner");
  watch(["bot", "slack", "ui"], () => render(root));
}

function render(root) {
  const said = [];
  if (ui.connection === "lost") said.push({ key: "connection_lost" });
  if (ui.connection === "building") said.push({ key: "building" });
  if (ui.connection === "open") {
    if (seen.bot?.phase === "dead") said.push({ key: "bot_dead", restart: true });
    if (seen.bot?.phase === "starting") said.push({ key: "bot_starting" });
    if (seen.slack?.outage) said.push({ key: "slack_down" });
    if (seen.slack?.retrying?.length) said.push({ key: "retrying", number: Math.max(...seen.slack.retrying) });
  }
  root.hidden = !said.length;
  view(root, [said, current()], () => said.map((one) => h("p", {}, `⚠ ${t(one.key, one)} `,
    one.restart ? h("button", { type: "button", class: "plain", data: { testid: "banner-restart" }, on: { click: () => act("bot", { do: "restart" }) } }, t("bot_restart")) : null)));
}
