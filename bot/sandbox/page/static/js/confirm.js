// The dialog that asks once more before a button counts.

import { text } from "./blocks.js";
import { h } from "./dom.js";

export function confirmed(found, style = "") {
  const dialog = document.getElementById("confirm");
  const answered = (yes) => () => dialog.close(yes ? "yes" : "no");
  dialog.replaceChildren(
    h("h2", { id: "confirm-title" }, found.title.text),
    h("div", { class: "body" }, text(found.text)),
    h("div", { class: "foot" },
      h("button", { type: "button", class: "bk-button", data: { testid: "confirm-no" }, on: { click: answered(false) } }, found.deny.text),
      h("button", { type: "button", class: `bk-button ${(found.style ?? style) || "primary"}`, data: { testid: "confirm-yes" }, on: { click: answered(true) } }, found.confirm.text)),
  );
  dialog.returnValue = "no";
  dialog.showModal();
  dialog.querySelector("[data-testid=confirm-yes]").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
