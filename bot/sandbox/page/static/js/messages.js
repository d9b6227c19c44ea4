// Messages as a list shows them, in a channel and in a thread.

import { act } from "./api.js";
import { blocks } from "./blocks.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { openThread } from "./places.js";
import { flat, rich } from "./rich.js";
import { insider, nameOf, seen } from "./state.js";
import { clock } from "./times.js";
import { t } from "./words.js";

const GOOD = new Set(["succeeded", "not_needed"]);
const MOST = 160; // letters of a first line
const BAD = new Set(["failed", "refused", "rejected", "expired", "needs_attention", "in_doubt", "cancelled", "closed"]);

// `replies` are those of its thread, `alone` the last thing in it if nobody else sees that; `aloud` is what a reply that
// was sent to the channel too is about. All are null inside a thread.
export function messageNode(item, { replies = null, alone = null, aloud = null } = {}) {
  const { key, message } = item;
  const person = seen.people?.[message.user];
  const name = nameOf(message.user);
  const kind = GOOD.has(message.status) ? "good" : BAD.has(message.status) ? "bad" : "going";
  const body = message.deleted
    ? h("p", { class: "context" }, t("deleted"))
    : message.blocks.length ? blocks(message.blocks, { message: key }) : h("div", { class: "block section" }, rich(message.tokens));
  return h("article", {
    class: `message${message.alone ? " alone" : ""}`,
    tabindex: "-1",
    "aria-label": `${name}, ${clock(message.ts)}`,
    data: { area: key, testid: "message", operation: message.operation, status: message.status, part: message.part, alone: message.alone ? "yes" : "no" },
  },
  h("div", { class: `avatar c${hue(message.user)}`, "aria-hidden": "true" }, person?.bot ? icon("swap") : name.slice(0, 1).toUpperCase()),
  h("div", { class: "content" },
    message.alone ? h("p", { class: "only" }, icon("eye"), " ", t("only_you")) : null,
    h("header", {}, h("strong", {}, name), person?.bot ? h("span", { class: "badge" }, t("app")) : null,
      h("time", {}, clock(message.ts)), message.edited ? h("span", { class: "edited" }, t("edited")) : null),
    aloud === null ? null : aloudLine(`${message.channel}/${message.thread}`, aloud),
    h("div", { class: message.part === "card" ? `card ${kind}` : "" }, body),
    message.broadcast && aloud === null ? h("p", { class: "only" }, t("also_in_channel")) : null,
    replies ? threadLine(key, replies) : null,
    alone ? aloneLine(key, alone) : null),
  message.alone || message.deleted ? null : tools(key, message));
}

function threadLine(key, replies) {
  if (!replies.length) return null;
  const text = t(replies.length === 1 ? "one_reply" : "replies", { count: replies.length });
  return h("button", { type: "button", class: "replies", data: { testid: "open-thread", focus: "replies" }, on: { click: () => openThread(key) } },
    text, h("small", {}, ` ${t("last_reply", { time: clock(replies.at(-1).ts) })}`));
}

// What only this person sees, in a thread that they may not have open.
function aloneLine(key, alone) {
  return h("button", { type: "button", class: "only hidden-reply", data: { testid: "alone-in-thread", focus: "alone" }, on: { click: () => openThread(key) } },
    icon("eye"), ` ${t("only_you_in_thread")} `, h("span", {}, said(alone)));
}

// Where a reply that everybody in the channel sees belongs.
function aloudLine(root, about) {
  return h("p", { class: "only", data: { testid: "aloud" } }, `${t("replied_to_thread")} `,
    h("button", { type: "button", class: "link", data: { testid: "aloud-thread", focus: "aloud" }, on: { click: () => openThread(root) } }, about || t("thread")));
}

function tools(key, message) {
  const root = message.thread ? `${message.channel}/${message.thread}` : key;
  const shortcut = () => act("shortcut", { callback_id: "switchover_here", message: key });
  return h("div", { class: "tools" },
    h("button", { type: "button", title: t("reply"), "aria-label": t("reply"), data: { testid: "reply", focus: "reply" }, on: { click: () => openThread(root) } }, icon("reply")),
    insider() ? h("button", { type: "button", title: t("shortcut_here"), "aria-label": t("shortcut_here"), data: { testid: "shortcut-here", focus: "here" }, on: { click: shortcut } }, icon("swap")) : null);
}

function hue(id) {
  return [...id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 6;
}

// The first line of a message, for those who hear it.
export function firstWords(message) {
  return `${nameOf(message.user)}: ${said(message)}`;
}

export function said(message) {
  const first = message.blocks.find((block) => block.text?.tokens)?.text.tokens ?? message.tokens;
  const line = first.slice(0, first.findIndex((token) => token.kind === "break") + 1 || first.length);
  const text = flat(line);
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}
