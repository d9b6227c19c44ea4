// Who this tab is. Two tabs can be two people.

import { act, follow } from "./api.js";
import { h, view } from "./dom.js";
import { insider, seen, show, ui, watch } from "./state.js";
import { current, t } from "./words.js";

export function start() {
  const root = document.getElementById("identity");
  watch(["cast", "people", "ui", "me"], () => render(root));
}

export function become(id) {
  if (id === ui.as) return;
  show({ as: id });
  follow();
}

function render(root) {
  if (!seen.cast) return;
  const drawn = view(root, [seen.cast, ui.as, insider(), current()], () => [
    h("fieldset", { class: "people", data: { testid: "identity" } },
      h("legend", {}, t("you_are")),
      Object.entries(seen.cast).map(([id, one]) => chip(id, one))),
    insider() ? locale() : null,
  ]);
  // On a narrow screen they don't all fit in.
  if (drawn) root.querySelector(":checked")?.closest(".chip").scrollIntoView({ block: "nearest", inline: "nearest" });
}

function chip(id, one) {
  const name = seen.people[id]?.name ?? id;
  return h("label", { class: "chip", title: t(`about_${one.role}`) },
    h("input", { type: "radio", name: "identity", value: id, checked: ui.as === id, data: { testid: `identity-${id}`, focus: `identity-${id}` }, on: { change: () => become(id) } }),
    h("span", { class: "face" }, h("strong", {}, name[0].toUpperCase() + name.slice(1)), h("small", {}, t(`role_${one.role}`))));
}

function locale() {
  const change = (event) => act("locale", { locale: event.target.value });
  const value = seen.cast[ui.as]?.locale ?? "en-US";
  const node = h("select", { data: { testid: "locale", focus: "locale" }, on: { change } },
    h("option", { value: "en-US" }, "English"), h("option", { value: "zh-CN" }, "中文"));
  node.value = value;
  return h("label", { class: "locale", title: t("locale_about") }, h("span", {}, t("slack_language")), node);
}
