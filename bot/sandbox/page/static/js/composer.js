// Where one types: slash commands, mentions, words. It suggests what the bot's help knows.

import { act, commands } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { seen } from "./state.js";
import { current, t } from "./words.js";

let known = {};
const drafts = new Map();
let awaited = ""; // a channel whose composer is to have the focus as soon as it is there

export async function start() {
  known = await commands();
}

export const MAIN = "main";

export function composer({ id, channel, thread = "", label }) {
  const listId = `suggestions-${id}`;
  const draft = `${channel}/${thread}`;
  let found = [];
  let active = 0;
  let moved = false; // the arrow keys chose a suggestion, so Enter takes it

  const popup = h("ul", { class: "suggestions", id: listId, role: "listbox", "aria-label": t("suggestions"), hidden: true, data: { testid: `suggestions-${id}` } });
  const field = h("textarea", {
    id: `composer-${id}`,
    rows: 1,
    maxlength: 3000,
    placeholder: label,
    "aria-label": label,
    "aria-describedby": `hint-${id}`,
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": listId,
    spellcheck: "false",
    value: drafts.get(draft) ?? "",
    data: { testid: `composer-${id}`, focus: `composer-${id}`, channel },
    on: { input: typed, keydown: pressed, blur: close },
  });
  const button = h("button", { type: "button", class: "send", "aria-label": t("send"), title: t("send"), data: { testid: `send-${id}` }, on: { click: send } }, icon("send"));
  const hint = h("p", { class: "hint", id: `hint-${id}` }, thread ? t("composer_hint_thread") : t("composer_hint"));
  if (id === MAIN && awaited === channel) {
    awaited = "";
    queueMicrotask(() => field.focus());
  }
  return h("div", { class: "composer" }, popup, h("div", { class: "field" }, field, button), hint);

  function typed() {
    drafts.set(draft, field.value);
    grow();
    found = suggestions(field.value, thread);
    active = 0;
    moved = false;
    draw();
  }

  function grow() {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 160)}px`;
  }

  function draw() {
    popup.hidden = !found.length;
    field.setAttribute("aria-expanded", String(!popup.hidden));
    if (popup.hidden) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", `${listId}-${active}`);
    popup.replaceChildren(...found.map((one, index) => h("li", {
      id: `${listId}-${index}`,
      role: "option",
      "aria-selected": index === active ? "true" : "false",
      data: { testid: "suggestion" },
      on: { mousedown: (event) => { event.preventDefault(); take(one); } },
    }, h("code", {}, one.shown), h("small", {}, one.about))));
    popup.children[active]?.scrollIntoView({ block: "nearest" });
    return undefined;
  }

  function take(one) {
    field.value = one.text;
    field.focus();
    typed();
  }

  function close() {
    found = [];
    draw();
  }

  function pressed(event) {
    if (event.isComposing) return;
    const open = !popup.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      active = (active + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length;
      moved = true;
      draw();
    } else if (open && ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && moved))) {
      event.preventDefault();
      take(found[active]);
    } else if (open && event.key === "Escape") {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  }

  async function send() {
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    typed();
    close();
    const answer = await act("say", { channel, text, ...(thread ? { thread } : {}) });
    if (answer === null && !field.value) {
      field.value = text;
      drafts.set(draft, text);
      grow();
    }
  }
}

// Puts words into the composer of a channel, as the tour does: at once, or as soon as the channel is shown.
export function putIn(channel, text) {
  drafts.set(`${channel}/`, text);
  const field = document.getElementById(`composer-${MAIN}`);
  if (field?.dataset.channel !== channel) {
    awaited = channel;
    return;
  }
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

// What was typed in a channel and not sent.
export const drafted = (channel) => drafts.get(`${channel}/`) ?? "";

const MOST = 9;
// Nobody has to wait long for what usually comes at night.
const LATER = [
  ["/switchover sessions in 45s because it can wait", "suggest_later"],
  ["/switchover sessions in 5m20s because it can wait", "suggest_reminder"],
];

function suggestions(typed, thread) {
  if (typed.startsWith("/") && !thread) return slash(typed);
  const at = /(?:^|\s)@(\w*)$/.exec(typed);
  return at ? people(typed, at[1]) : [];
}

function slash(typed) {
  const lower = typed.toLowerCase();
  const forms = (known[current()] ?? []).map((form) => ({ shown: form.usage, about: form.about, text: literal(form.usage) }));
  const fitting = (one) => one.text.toLowerCase().startsWith(lower) && one.text.toLowerCase() !== lower;
  const quick = Object.values(seen.clouds ?? {}).flatMap((cloud) => cloud.targets).map((target) => {
    const text = `/switchover ${target.database}${target.shard ? ` shard ${target.shard}` : ""}`;
    return { shown: text, about: t("suggest_request"), text };
  });
  const later = LATER.map(([text, about]) => ({ shown: text, about: t(about), text }));
  return [...quick, ...forms, ...later].filter(fitting).slice(0, MOST);
}

// A form of the help up to the first thing that is to be filled in.
function literal(usage) {
  const words = usage.split(" ");
  const open = words.findIndex((word) => /^[[A-Z]/.test(word));
  return open < 0 ? usage : `${words.slice(0, open).join(" ")} `;
}

function people(typed, start) {
  const names = Object.values(seen.people ?? {}).map((person) => person.name).filter((name) => name !== "slackbot");
  return names
    .filter((name) => name.startsWith(start.toLowerCase()) && name !== start)
    .sort((one, other) => (other === "switchover") - (one === "switchover"))
    .slice(0, MOST)
    .map((name) => ({ shown: `@${name}`, about: name === "switchover" ? t("suggest_mention") : "", text: `${typed.slice(0, typed.length - start.length)}${name} ` }));
}
