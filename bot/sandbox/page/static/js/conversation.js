// The middle: a channel with its messages and composer, or the app's Home tab.

import { blocks } from "./blocks.js";
import { MAIN, composer } from "./composer.js";
import { h, list, view } from "./dom.js";
import { keptAtEnd } from "./ending.js";
import { icon } from "./icons.js";
import { firstWords, messageNode, said } from "./messages.js";
import { notice } from "./notice.js";
import { insider, messages, seen, show, ui, watch } from "./state.js";
import { announce } from "./toasts.js";
import { current, t } from "./words.js";

let known = null; // what was there when the announcements began, by key
let place = "";
let settle = null;

export function start() {
  const root = document.getElementById("conversation");
  const head = h("header", { class: "bar" });
  const body = h("div", { class: "scroll", tabindex: "0", role: "log", "aria-live": "off", data: { testid: "messages" } });
  const foot = h("div", { class: "compose" });
  root.replaceChildren(head, body, notice(), foot);
  settle = keptAtEnd(body);
  const render = () => {
    root.dataset.viewer = seen.me?.id ?? ""; // whose eyes it is seen with: not at once whose the tab is
    (ui.place.kind === "home" ? home : channel)(head, body, foot);
  };
  watch(["messages", "channels", "people", "home", "me", "groups", "ui"], render);
}

function channel(head, body, foot) {
  const found = seen.channels?.[ui.place.id];
  if (!seen.channels) return;
  if (!found) {
    // It may be somebody else's eyes that see it, until what this person sees has come.
    const first = seen.me?.id === ui.as && Object.keys(seen.channels).find((id) => !seen.channels[id].direct);
    if (first) show({ place: { kind: "channel", id: first }, thread: "" });
    return;
  }
  const title = found.direct ? t("app_messages") : found.name;
  view(head, ["channel", ui.place.id, title, found, current()], () => [
    h("h2", { data: { testid: "place" } }, found.direct ? title : [found.private ? icon("lock") : "# ", title]),
    h("p", { class: "about" }, found.shared ? t("shared_channel") : found.has_bot ? "" : t("without_bot")),
  ]);
  const all = messages().filter((message) => message.channel === ui.place.id);
  const top = all.filter((message) => !message.thread || message.broadcast);
  const moved = place !== `${ui.as}/${ui.place.id}`;
  const items = top.map((message) => {
    const root = message.thread ? seen.messages[`${message.channel}/${message.thread}`] : null;
    const inside = all.filter((one) => one.thread === message.ts);
    const replies = inside.filter((one) => !one.alone);
    const alone = inside.at(-1)?.alone ? inside.at(-1) : null;
    const aloud = message.thread ? (root ? said(root) : "") : null;
    return { key: message.key, message, replies, alone, aloud, version: [message, replies.length, replies.at(-1)?.ts, alone, aloud, seen.people, seen.me, current()] };
  });
  body.setAttribute("aria-label", title);
  if (moved) place = `${ui.as}/${ui.place.id}`;
  list(body, items.length ? items : [{ key: "none", version: current() }], (item) =>
    item.message ? messageNode(item, item) : h("p", { class: "empty" }, found.direct ? t("no_direct") : insider() ? t("no_messages") : t("no_messages_yet")));
  settle(moved);
  view(foot, ["compose", ui.place.id, found.direct, found.name, ui.as, current()], () =>
    found.direct ? h("p", { class: "readonly" }, t("read_only")) : composer({ id: MAIN, channel: ui.place.id, label: t("message_to", { place: `#${found.name}` }) }));
  tell(all);
  markRead(all);
}

function tell(all) {
  const now = new Map(all.map((message) => [message.key, `${message.status}${message.deleted}`]));
  if (known?.place === place) {
    const fresh = all.filter((message) => known.messages.get(message.key) !== now.get(message.key) && message.user !== ui.as);
    if (fresh.length) announce(firstWords(fresh.at(-1)));
  }
  known = { place, messages: now };
}

function markRead(all) {
  const last = all.at(-1)?.ts;
  if (!last || document.hidden) return;
  const key = `${ui.as}/${ui.place.id}`;
  if (ui.read[key] === last) return;
  show({ read: { ...ui.read, [key]: last } });
}

function home(head, body, foot) {
  const moved = place !== `${ui.as}/home`;
  place = `${ui.as}/home`;
  const found = seen.home?.view;
  view(head, ["home", current()], () => [h("h2", { data: { testid: "place" } }, t("app_home")), h("p", { class: "about" }, t("home_about"))]);
  const items = [{ key: found ? `home-${found.id}` : "none", version: [found, seen.people, seen.groups, current()] }];
  body.setAttribute("aria-label", t("app_home"));
  list(body, items, () => h("div", { class: "home", data: { testid: "home", area: "home" }, tabindex: "-1" },
    found ? blocks(found.blocks, { view: found.id }) : h("p", { class: "empty" }, t("home_waiting"))));
  view(foot, ["home"], () => []);
  settle(moved, false);
}
