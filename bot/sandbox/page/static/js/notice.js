// What somebody in Slack would notice of what is broken, under the messages.

import { h } from "./dom.js";
import { seen, watch } from "./state.js";
import { t } from "./words.js";

export function notice() {
  const node = h("p", { class: "notice", data: { testid: "notice" }, hidden: true });
  watch(["bot", "slack", "ui"], () => {
    const dead = seen.bot?.phase === "dead";
    node.hidden = !dead && !seen.slack?.outage;
    node.textContent = dead ? t("notice_dead") : t("notice_outage");
  });
  return node;
}
