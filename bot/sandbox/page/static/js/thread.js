// The thread that is open beside the channel.

import { composer } from "./composer.js";
import { h, list, view } from "./dom.js";
import { keptAtEnd } from "./ending.js";
import { icon } from "./icons.js";
import { messageNode } from "./messages.js";
import { notice } from "./notice.js";
import { closeThread } from "./places.js";
import { messages, seen, ui, watch } from "./state.js";
import { current, t } from "./words.js";

let before = "";
let settle = null;

export function start() {
  const root = document.getElementById("thread");
  const head = h("header", { class: "bar" });
  const body = h("div", { class: "scroll", tabindex: "0", role: "log", "aria-live": "off", data: { testid: "thread-messages" } });
  const foot = h("div", { class: "compose" });
  root.append(head, body, notice(), foot);
  settle = keptAtEnd(body);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) closeThread();
  });
  watch(["messages", "channels", "people", "me", "groups", "ui"], () => render(root, head, body, foot));
}

function render(root, head, body, foot) {
  const [channel, ts] = ui.thread.split("/");
  const found = seen.channels?.[channel];
  root.hidden = !found;
  document.body.classList.toggle("with-thread", Boolean(found));
  if (!found) return;
  view(head, ["thread", found.name, current()], () => [
    h("h2", {}, t("thread")),
    h("p", { class: "about" }, `#${found.name}`),
    h("button", { type: "button", class: "icon", "aria-label": t("close_thread"), data: { testid: "close-thread" }, on: { click: closeThread } }, icon("close")),
  ]);
  root.setAttribute("aria-label", t("thread"));
  body.setAttribute("aria-label", t("thread"));
  const all = messages().filter((message) => message.channel === channel && (message.ts === ts || message.thread === ts));
  const another = before !== ui.thread;
  before = ui.thread;
  list(body, all.map((message) => ({ key: message.key, message, version: [message, seen.people, seen.me, current()] })), (item) => messageNode(item));
  settle(another);
  view(foot, ["compose", ui.thread, ui.as, current()], () =>
    composer({ id: "thread", channel, thread: ui.thread, label: t("reply_in_thread") }));
}
