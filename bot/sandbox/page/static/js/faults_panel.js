// What can be broken on purpose: the next submission, its job, a whole cloud, Slack, the bot's process.

import { act } from "./api.js";
import { h } from "./dom.js";
import { seen } from "./state.js";
import { t } from "./words.js";

const NEXT = ["answer_lost", "request_lost", "error_after_accepting", "hang"];
const THEN = ["roles_stay", "job_fails"];

export function faultsPanel() {
  const clouds = Object.entries(seen.clouds ?? {}).map(([key, cloud]) => [key, { name: cloud.name, armed: cloud.armed, targets: cloud.targets.map((one) => ({ ...one, busy: "" })) }]);
  const bot = { phase: seen.bot?.phase, armed: seen.bot?.armed };
  return {
    version: [clouds, bot, seen.slack],
    make: () => [h("p", { class: "about" }, t("faults_about")), botFaults(bot), clouds.map(([key, cloud]) => cloudFaults(key, cloud)), slackFaults()],
  };
}

function cloudFaults(key, cloud) {
  return h("section", { class: "breaks", "aria-labelledby": `breaks-${key}` },
    h("h3", { id: `breaks-${key}` }, cloud.name),
    h("h4", {}, t("next_submission")),
    NEXT.map((name) => toggle(key, name, cloud.armed)),
    h("h4", {}, t("next_job")),
    THEN.map((name) => toggle(key, name, cloud.armed)),
    h("h4", {}, t("cloud_itself")),
    toggle(key, "outage", cloud.armed),
    health(key, cloud.targets),
    failover(key, cloud.targets));
}

function toggle(cloud, name, armed) {
  const on = armed.includes(name);
  return pressable(`fault-${cloud}-${name}`, on, t(`fault_${name}`), t(`fault_${name}_about`), () => act("fault", { cloud, name, on: !on }));
}

function pressable(testid, on, label, about, press) {
  return h("button", { type: "button", class: "toggle", "aria-pressed": String(on), data: { testid, focus: testid }, on: { click: press } },
    h("span", { class: "knob", "aria-hidden": "true" }, on ? "●" : "○"),
    h("span", {}, h("strong", {}, label), h("small", {}, about)),
    h("span", { class: "state" }, on ? t("on") : t("off")));
}

const everyNode = (targets) => targets.flatMap((target) => target.nodes.map((node) => ({ target, node })));
const nameOf = (target) => `${target.database}${target.shard ? ` ${target.shard}` : ""}`;
const picked = {}; // by cloud, whose health is looked at

function health(cloud, targets) {
  const nodes = everyNode(targets);
  const chosen = () => nodes.find(({ node }) => node.id === picked[cloud]) ?? nodes.find(({ node }) => node.now !== "primary") ?? nodes[0];
  const label = ({ target, node }) => `${nameOf(target)}: ${node.name}${node.now === "primary" ? " ★" : ""}${node.healthy ? "" : ` ✗ ${t("unhealthy")}`}`;
  const change = () => {
    const { target, node } = chosen();
    act("health", { cloud, resource: target.resource, node: node.id, healthy: !node.healthy });
  };
  const button = h("button", { type: "button", class: "plain", data: { testid: `health-${cloud}`, focus: `health-${cloud}` }, on: { click: change } });
  const say = () => {
    const { healthy } = chosen().node;
    button.textContent = t(healthy ? "health_break" : "health_mend");
  };
  const pick = (event) => {
    picked[cloud] = event.target.value;
    say();
  };
  const select = h("select", { "aria-label": t("health_of"), data: { testid: `health-node-${cloud}`, focus: `health-node-${cloud}` }, on: { change: pick } },
    nodes.map((one) => h("option", { value: one.node.id }, label(one))));
  select.value = chosen().node.id;
  say();
  return nodeAction(t("health_title"), t("health_about"), select, button);
}

function nodeAction(title, about, select, button) {
  return h("div", { class: "node-action" }, h("p", {}, h("strong", {}, title), h("small", {}, about)), h("div", { class: "row" }, select, button));
}

function failover(cloud, targets) {
  const nodes = everyNode(targets).filter(({ node }) => node.now !== "primary");
  const select = h("select", { "aria-label": t("failover_to"), data: { testid: `failover-node-${cloud}`, focus: `failover-node-${cloud}` } },
    nodes.map(({ target, node }, index) => h("option", { value: String(index) }, `${nameOf(target)} → ${node.name}`)));
  const go = () => {
    const { target, node } = nodes[Number(select.value)] ?? nodes[0];
    act("failover", { cloud, resource: target.resource, node: node.id });
  };
  return nodeAction(t("failover"), t("failover_about"), select,
    h("button", { type: "button", class: "plain", data: { testid: `failover-${cloud}`, focus: `failover-${cloud}` }, on: { click: go } }, t("failover_now")));
}

function slackFaults() {
  const out = Boolean(seen.slack?.outage);
  return h("section", { class: "breaks", "aria-labelledby": "breaks-slack" },
    h("h3", { id: "breaks-slack" }, "Slack"),
    pressable("slack-outage", out, t("slack_outage"), t("slack_outage_about"), () => act("slack", { outage: !out })));
}

function botFaults(bot) {
  const dead = bot.phase === "dead";
  const starting = bot.phase === "starting";
  const button = (name, disabled, go, style = "") => h("button", { type: "button", class: `plain ${style}`, disabled, data: { testid: `bot-${name}`, focus: `bot-${name}` }, on: { click: go } }, t(`bot_${name}`));
  return h("section", { class: "breaks", "aria-labelledby": "breaks-bot" },
    h("h3", { id: "breaks-bot" }, t("the_bot"), " ", h("small", { data: { testid: "bot-phase" } }, t(`phase_${bot.phase}`))),
    h("p", { class: "about" }, t(dead ? "bot_dead_about" : "bot_faults_about")),
    h("div", { class: "row" },
      button("kill", dead || starting, () => act("bot", { do: "kill" }), "danger"),
      button("restart", starting, () => act("bot", { do: "restart" })),
      button("arm", starting, () => act("bot", { do: "arm" }))),
    bot.armed ? h("p", { class: "armed", data: { testid: "bot-armed" } }, `⚠ ${t("bot_is_armed")}`) : null);
}
