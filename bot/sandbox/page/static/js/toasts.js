// Short notices that go by themselves.

import { h } from "./dom.js";

const SECONDS = 7;

export function toast(text) {
  const root = document.getElementById("toasts");
  for (const same of [...root.children]) if (same.textContent === text) same.remove();
  const node = h("div", { class: "toast", data: { testid: "toast" } }, text);
  root.append(node);
  while (root.children.length > 3) root.firstChild.remove();
  setTimeout(() => node.remove(), SECONDS * 1000);
}

export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
