// The left: the app's Home tab and messages, the channels, the shortcut that belongs to none.

import { act } from "./api.js";
import { h, view } from "./dom.js";
import { icon } from "./icons.js";
import { openChannel, openHome } from "./places.js";
import { insider, messages, seen, ui, watch } from "./state.js";
import { current, t } from "./words.js";

export function start() {
  const root = document.getElementById("sidebar");
  watch(["channels", "messages", "me", "ui"], () => render(root));
}

function render(root) {
  const channels = Object.entries(seen.channels ?? {}).sort(([, one], [, other]) => one.name.localeCompare(other.name));
  const rooms = channels.filter(([, one]) => !one.direct);
  const direct = channels.filter(([, one]) => one.direct);
  const fresh = Object.fromEntries(channels.map(([id]) => [id, unread(id)]));
  root.setAttribute("aria-label", t("places"));
  view(root, [channels, fresh, ui.place, insider(), current()], () => [
    h("h2", {}, t("channels")),
    h("ul", {}, rooms.map(([id, one]) => place(one.private ? icon("lock") : "#", one.name, `channel-${one.name}`, ui.place.id === id, fresh[id], () => openChannel(id), one.shared ? t("shared") : ""))),
    insider() || direct.length ? h("h2", {}, t("apps")) : null,
    h("ul", {},
      insider() ? place(icon("swap"), t("app_home"), "home-tab", ui.place.kind === "home", 0, openHome) : null,
      direct.map(([id]) => place(icon("mail"), t("app_messages"), "direct", ui.place.id === id, fresh[id], () => openChannel(id)))),
    insider() ? h("button", { type: "button", class: "shortcut", data: { testid: "global-shortcut", focus: "shortcut" }, on: { click: () => act("shortcut", { callback_id: "switchover_new" }) } }, icon("bolt"), t("shortcut_new")) : null,
  ]);
}

function place(sign, name, testid, here, fresh, open, more = "") {
  return h("li", {}, h("button", { type: "button", class: `place${fresh ? " fresh" : ""}`, "aria-current": here ? "page" : undefined, data: { testid, focus: testid }, on: { click: open } },
    h("span", { class: "sign", "aria-hidden": "true" }, sign), h("span", { class: "name" }, name), more ? h("small", {}, more) : null,
    fresh ? h("span", { class: "count" }, String(fresh), h("span", { class: "unseen" }, ` ${t("unread")}`)) : null));
}

// How many messages have come since this person last looked; what was there before counts as read.
const baseline = {};

function unread(id) {
  // What is said in a thread alone makes no channel unread.
  const all = messages().filter((message) => message.channel === id && message.user !== ui.as && (!message.thread || message.broadcast));
  const key = `${ui.as}/${id}`;
  if (ui.place.id === id) return 0;
  baseline[key] ??= all.at(-1)?.ts ?? "0";
  const read = ui.read[key] ?? baseline[key];
  return all.filter((message) => message.ts > read).length;
}
