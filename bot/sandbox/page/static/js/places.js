// Where one can go on the page, and going there.

import { act } from "./api.js";
import { seen, show, ui } from "./state.js";
import { toast } from "./toasts.js";
import { t } from "./words.js";

export function openChannel(id) {
  show({ place: { kind: "channel", id }, thread: "", pane: "conversation" });
}

export function openHome() {
  show({ place: { kind: "home" }, thread: "", pane: "conversation" });
  act("home");
}

export function openThread(key) {
  show({ thread: key, pane: "thread" });
  requestAnimationFrame(() => document.querySelector("#thread textarea")?.focus());
}

export function closeThread() {
  const key = ui.thread;
  show({ thread: "", pane: "conversation" });
  requestAnimationFrame(() => document.querySelector(`[data-area="${CSS.escape(key)}"]`)?.focus());
}

// Follows a link to a message inside the page.
export function jump(key) {
  const message = seen.messages?.[key];
  const channel = key.split("/")[0];
  if (!seen.channels?.[channel]) {
    toast(t("not_yours"));
    return;
  }
  const thread = message?.thread ? `${channel}/${message.thread}` : "";
  show({ place: { kind: "channel", id: channel }, thread, pane: thread ? "thread" : "conversation" });
  setTimeout(() => {
    const node = [...document.querySelectorAll("[data-area]")].filter((one) => one.dataset.area === key).at(-1);
    if (!node) {
      toast(t("message_gone"));
      return;
    }
    node.scrollIntoView({ block: "center" });
    node.focus({ preventScroll: true });
    node.classList.add("found");
    setTimeout(() => node.classList.remove("found"), 2500);
  }, 50);
}
