// The proof that the bot is the real one: a process of its own that gets signed requests over HTTP, and its log.

import { h } from "./dom.js";
import { seen } from "./state.js";
import { t } from "./words.js";

const KILLED = -9; // as Python tells it
const LOOKS = ["status", "history", "audit verify", "audit export"];

export function botPanel() {
  const log = Object.entries(seen.log ?? {}).sort(([one], [other]) => Number(other) - Number(one));
  return { version: [seen.bot, seen.slack, log], make: () => [proof(seen.bot ?? {}), trail(log)] };
}

function proof(bot) {
  const dead = bot.phase === "dead";
  return h("section", { class: "proof", data: { testid: "proof" } },
    h("h3", {}, t("proof")),
    h("p", {}, t("proof_about")),
    h("dl", {},
      row(t("process"), h("span", { data: { testid: "bot-pid" } }, dead ? t("died_with", { pid: bot.pid, code: bot.code === KILLED ? `${KILLED} (SIGKILL)` : bot.code }) : String(bot.pid)), ` · ${t("life", { number: bot.life })}`),
      row(t("program"), h("code", {}, `${bot.program} serve --config ${bot.config}`)),
      row(t("look"), t("look_about"), LOOKS.map((command) => [h("br"), h("code", {}, `${bot.program} ${command} --config ${bot.config}`)])),
      row(t("address"), h("code", { data: { testid: "bot-url" } }, bot.url), h("br"),
        ["healthz", "readyz", "metrics"].map((path) => [h("a", { href: `${bot.url}/${path}`, target: "_blank", rel: "noopener noreferrer" }, `/${path}`), " "])),
      row(t("last_request"), last(bot.last))));
}

function row(name, ...values) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, values));
}

function last(found) {
  if (!found) return t("none_yet");
  const result = found.failure ? t(`why_${found.failure}`) : `HTTP ${found.status}`;
  return h("span", { data: { testid: "last-request" } }, `#${found.number} ${found.what}: ${result}, `, h("strong", {}, `${found.milliseconds} ms`),
    found.attempts > 1 ? ` (${t("attempts", { count: found.attempts })})` : "", h("br"), h("code", {}, `X-Slack-Signature: ${found.signature}…`));
}

function trail(log) {
  return h("section", {},
    h("h3", {}, t("log")),
    h("ol", { class: "log", data: { testid: "log" } }, log.map(([, line]) => h("li", {}, h("time", {}, line.at.slice(11, 19)), " ", h("strong", {}, line.event), " ", h("small", {}, line.more)))));
}
