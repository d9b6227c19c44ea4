// Tokens of Slack's markup as elements; `mrkdwn.py` made them.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { jump } from "./places.js";
import { nameOf, seen } from "./state.js";
import { slackDate } from "./times.js";

export function rich(tokens) {
  return tokens.map(one);
}

// The same without elements, for labels.
export function flat(tokens) {
  return tokens.map((token) => (token.kind === "break" ? " " : one(token).textContent)).join("").replace(/\s+/g, " ").trim();
}

function one(token) {
  switch (token.kind) {
    case "break": return h("br");
    case "bold": return h("strong", {}, rich(token.of));
    case "italic": return h("em", {}, rich(token.of));
    case "strike": return h("s", {}, rich(token.of));
    case "quote": return h("blockquote", {}, rich(token.of));
    case "code": return h("code", {}, token.text);
    case "pre": return h("pre", {}, token.text);
    case "user": return h("span", { class: `mention${token.id === seen.me?.id ? " me" : ""}` }, `@${nameOf(token.id)}`);
    case "group": return h("span", { class: "mention" }, `@${seen.groups?.[token.id]?.handle ?? token.id}`);
    case "channel": return h("span", { class: "mention" }, `#${seen.channels?.[token.id]?.name ?? (token.text || token.id)}`);
    case "special": return h("span", { class: "mention" }, `@${token.text}`);
    case "date": return h("time", { datetime: new Date(token.at * 1000).toISOString(), title: token.text }, slackDate(token.at, token.format, token.text));
    case "jump": return h("a", { href: "#", data: { testid: "jump" }, on: { click: (event) => { event.preventDefault(); jump(token.message); } } }, token.text);
    case "link": return h("a", { href: token.address, target: "_blank", rel: "noopener noreferrer" }, token.text);
    default: return drawn(token.text ?? "");
  }
}

// Signs that few fonts have are drawn; the words after them say the same.
const SIGNS = { "⏸": "pause", "❔": "question", "⏳": "hourglass" };
const SIGN = new RegExp(`([${Object.keys(SIGNS).join("")}])`);

function drawn(text) {
  if (!SIGN.test(text)) return document.createTextNode(text);
  return h("span", {}, text.split(SIGN).map((part) => (SIGNS[part] ? icon(SIGNS[part]) : part)));
}
