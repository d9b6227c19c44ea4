// The dialog that asks once more before a button counts.

import { text } from "./blocks.js";
import { h } from "./dom.js";

const dialog = document.getElementById("confirm");
let answer = () => {}; // of the question that was asked last

// The browser tells a while later that a dialog was closed: by then it may ask the next question.
dialog.addEventListener("close", () => dialog.open || answer(false));

export function confirmed(found, style = "") {
  answer(false);
  const asked = new Promise((resolve) => { answer = resolve; });
  const mine = answer;
  const answered = (yes) => () => {
    mine(yes);
    dialog.close();
  };
  dialog.replaceChildren(
    h("h2", { id: "confirm-title" }, found.title.text),
    h("div", { class: "body" }, text(found.text)),
    h("div", { class: "foot" },
      h("button", { type: "button", class: "bk-button", data: { testid: "confirm-no" }, on: { click: answered(false) } }, found.deny.text),
      h("button", { type: "button", class: `bk-button ${(found.style ?? style) || "primary"}`, data: { testid: "confirm-yes" }, on: { click: answered(true) } }, found.confirm.text)),
  );
  dialog.showModal();
  dialog.querySelector("[data-testid=confirm-yes]").focus();
  return asked;
}
