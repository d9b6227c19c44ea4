// Every call that the bot made, the newest first; submissions stand out.

import { h } from "./dom.js";
import { seen, show, ui } from "./state.js";
import { clockSeconds } from "./times.js";
import { t } from "./words.js";

const FILTERS = ["all", "submissions", "qingcloud", "huawei", "slack"];
const MOST = 80;

export function callsPanel() {
  const wanted = Object.entries(seen.calls ?? {})
    .map(([key, call]) => ({ key, ...call }))
    .filter((call) => ui.calls === "all" || (ui.calls === "submissions" ? call.submission : call.cloud === ui.calls))
    .sort((one, other) => other.at - one.at || other.number - one.number)
    .slice(0, MOST);
  const sums = Object.values(seen.clouds ?? {}).map((cloud) => [cloud.name, cloud.received, cloud.accepted]);
  return { version: [wanted, ui.calls, sums], make: () => [totals(sums), filter(), table(wanted)] };
}

function totals(sums) {
  return h("ul", { class: "totals" }, sums.map(([name, received, accepted]) =>
    h("li", {}, h("strong", {}, name), ` ${t("submissions_in_words", { received, accepted })}`)));
}

function filter() {
  const node = h("select", { data: { testid: "calls-filter", focus: "calls-filter" }, on: { change: (event) => show({ calls: event.target.value }) } },
    FILTERS.map((name) => h("option", { value: name }, t(`calls_${name}`))));
  node.value = ui.calls;
  return h("label", { class: "filter" }, h("span", {}, t("calls_shown")), node);
}

function table(calls) {
  if (!calls.length) return h("p", { class: "quiet" }, t("no_calls"));
  return h("table", { class: "calls", data: { testid: "calls" } },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("time")), h("th", { scope: "col" }, t("call")), h("th", { scope: "col" }, t("outcome")))),
    h("tbody", {}, calls.map((call) => h("tr", { class: call.submission ? "submission" : "", data: { testid: call.submission ? "submission" : "call" } },
      h("td", {}, h("time", {}, clockSeconds(call.at)), h("small", {}, t(`from_${call.cloud}`))),
      h("td", {}, call.submission ? h("span", { class: "badge strong" }, t("submission")) : null, h("code", {}, `${call.method} ${call.action}`), call.about ? h("small", {}, call.about) : null),
      h("td", { class: call.outcome === "ok" ? "well" : "unwell" }, call.outcome === "ok" ? "✓ ok" : `✗ ${call.outcome || "…"}`)))));
}
