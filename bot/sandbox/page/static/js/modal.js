// The modal that the bot has opened for whoever this tab is.

import { act } from "./api.js";
import { blocks } from "./blocks.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { seen, watch } from "./state.js";
import { current, t } from "./words.js";

const entered = new Map(); // by view and block
let missing = {}; // needed fields that were left empty, by block
let sent = false; // since the last time that what is wrong was pointed at
let shown = "";
let version = "";

export function start() {
  const dialog = document.getElementById("modal");
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  watch(["modal", "ui"], () => render(dialog));
}

function form(found) {
  const key = (block) => `${found.id}/${block}`;
  return {
    get: (block) => entered.get(key(block)),
    set: (block, value) => {
      entered.set(key(block), value);
      if (value) filled(block);
    },
    errors: { ...found.errors, ...missing },
    optional: t("optional"),
  };
}

// Whoever has filled a field is told no longer to fill it. Nothing else is drawn anew: somebody is typing.
function filled(block) {
  if (!(block in missing)) return;
  delete missing[block];
  version = versionOf(seen.modal.view);
  const id = `field-${CSS.escape(block)}`;
  const field = document.querySelector(`#modal #${id}`);
  document.querySelector(`#modal #${id}-error`)?.remove();
  field?.closest(".wrong")?.classList.remove("wrong");
  field?.removeAttribute("aria-invalid");
  const rest = (field?.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one !== `field-${block}-error`);
  field?.setAttribute("aria-describedby", rest.join(" "));
}

const versionOf = (found) => JSON.stringify([found, missing, current()]);

function render(dialog) {
  const found = seen.modal?.view;
  if (!found) {
    shown = version = "";
    missing = {};
    sent = false;
    if (dialog.open) dialog.close();
    return;
  }
  const now = versionOf(found);
  if (now === version) return;
  const focused = dialog.contains(document.activeElement) ? document.activeElement.dataset.focus : "";
  version = now;
  dialog.replaceChildren(...contents(found));
  if (!dialog.open) dialog.showModal();
  focusIn(dialog, found, focused);
  shown = found.id;
}

function contents(found) {
  const send = async (event) => {
    event.preventDefault();
    sent = true;
    missing = emptyFields(found);
    if (Object.keys(missing).length) return render(document.getElementById("modal"));
    const button = dialogButton();
    button?.setAttribute("aria-busy", "true");
    await act("submit", { view: found.id, values: valuesOf(found) });
    dialogButton()?.removeAttribute("aria-busy");
    return undefined;
  };
  return [
    h("form", { method: "dialog", novalidate: true, on: { submit: send } },
      h("header", { class: "head" },
        h("h2", { id: "modal-title" }, found.title?.text ?? ""),
        h("button", { type: "button", class: "icon", "aria-label": t("close"), data: { testid: "modal-x", focus: "x" }, on: { click: close } }, icon("close"))),
      h("div", { class: "body" }, blocks(found.blocks, { view: found.id }, form(found))),
      h("div", { class: "foot" },
        h("button", { type: "button", class: "bk-button", data: { testid: "modal-close", focus: "close" }, on: { click: close } }, found.close?.text ?? t("close")),
        found.submit ? h("button", { type: "submit", class: "bk-button primary", data: { testid: "modal-submit", focus: "submit" } }, found.submit.text) : null)),
  ];
}

const dialogButton = () => document.querySelector("#modal [data-testid=modal-submit]");

function valuesOf(found) {
  const inputs = found.blocks.filter((block) => block.type === "input");
  const pairs = inputs.map((block) => [block.block_id, entered.get(`${found.id}/${block.block_id}`)]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined && value !== ""));
}

// Slack does not send a form that lacks something.
function emptyFields(found) {
  const values = valuesOf(found);
  const needed = found.blocks.filter((block) => block.type === "input" && !block.optional);
  return Object.fromEntries(needed.filter((block) => !(block.block_id in values)).map((block) => [block.block_id, t("needed")]));
}

function focusIn(dialog, found, focused) {
  const wrong = Object.keys({ ...found.errors, ...missing })[0];
  const again = focused && dialog.querySelector(`[data-focus="${CSS.escape(focused)}"]`);
  const first = dialog.querySelector(".body input, .body select, .body textarea, .foot button");
  if (wrong && sent) {
    sent = false;
    dialog.querySelector(`[id="field-${CSS.escape(wrong)}"]`)?.focus();
  } else if (again) again.focus();
  else if (shown !== found.id) first?.focus();
}

function close() {
  const found = seen.modal?.view;
  if (found) act("close", { view: found.id });
}
