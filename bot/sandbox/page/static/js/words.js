// The page's own words, in the reader's language.

import { forBrowser, keep, kept } from "./storage.js";

export const LANGUAGES = { en: "English", "zh-CN": "中文" };

const tables = {};
let language = "en";

export async function load() {
  for (const name of Object.keys(LANGUAGES)) {
    tables[name] = await (await fetch(`/words/${name}.json`)).json();
  }
  const told = await (await fetch("/api/language")).json();
  const wanted = kept(forBrowser, "language") ?? told ?? (navigator.language.startsWith("zh") ? "zh-CN" : "en");
  speak(wanted in LANGUAGES ? wanted : "en");
}

export function choose(name) {
  keep(forBrowser, "language", name);
  speak(name);
}

function speak(name) {
  language = name;
  document.documentElement.lang = name;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = t(node.dataset.word);
}

export const current = () => language;

// `{name}` in a sentence is replaced by the value of that name.
export function t(key, values = {}, otherwise = key) {
  const text = tables[language]?.[key] ?? otherwise;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
