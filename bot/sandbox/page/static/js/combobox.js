// A field with type-ahead: what is typed is asked about, and one of the answers is chosen.

import { h } from "./dom.js";
import { t } from "./words.js";

const PAUSE = 150;
let made = 0;

export function combobox({ attributes, placeholder, value, least, find, chosen }) {
  made += 1;
  const listId = `options-${made}`;
  let found = [];
  let active = -1;
  let timer = null;
  let asked = 0;

  const popup = h("ul", { class: "options", id: listId, role: "listbox", hidden: true, data: { testid: "options" } });
  const input = h("input", {
    ...attributes,
    class: "bk-text",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": listId,
    placeholder,
    value,
    on: {
      input: () => later(input.value),
      focus: () => input.value || later(""),
      click: () => popup.hidden && later(""),
      keydown: pressed,
      blur: () => close(),
    },
  });

  function later(typed) {
    clearTimeout(timer);
    if (typed.length < least) return close();
    timer = setTimeout(() => ask(typed), PAUSE);
    return undefined;
  }

  async function ask(typed) {
    asked += 1;
    const mine = asked;
    const answer = await find(typed);
    if (mine !== asked || document.activeElement !== input) return;
    found = answer;
    active = -1;
    draw();
  }

  function draw() {
    const rows = found.map((option, index) => h("li", {
      id: `${listId}-${index}`,
      role: "option",
      "aria-selected": index === active ? "true" : "false",
      data: { testid: `option-${option.value}` },
      on: { mousedown: (event) => { event.preventDefault(); choose(option); } },
    }, h("span", {}, option.text.text), option.description ? h("small", {}, option.description.text) : null));
    popup.replaceChildren(...(rows.length ? rows : [h("li", { class: "none" }, t("no_options"))]));
    popup.hidden = false;
    input.setAttribute("aria-expanded", "true");
    if (active >= 0) input.setAttribute("aria-activedescendant", `${listId}-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function pressed(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (popup.hidden) return later("");
      active = (active + (event.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(1, found.length);
      draw();
    } else if (event.key === "Enter" && !popup.hidden) {
      event.preventDefault();
      if (found[active] ?? found[0]) choose(found[active] ?? found[0]);
    } else if (event.key === "Escape" && !popup.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
    return undefined;
  }

  function choose(option) {
    input.value = option.value;
    close();
    chosen(option.value);
  }

  function close() {
    clearTimeout(timer);
    asked += 1;
    popup.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }

  return h("div", { class: "combobox" }, input, popup);
}
