// What the server showed last, and what this tab shows of it. Whoever watches is told once after every change.

import { forTab, keep, kept } from "./storage.js";

export const seen = {};
export const ui = {
  as: "U0RITA",
  place: { kind: "channel", id: "C0ORDERS" },
  thread: "",
  side: "clouds",
  pane: "conversation",
  calls: "all",
  read: {},
  connection: "connecting",
};

const watchers = [];
let due = null;

export function watch(sections, render) {
  watchers.push({ sections: new Set(sections), render });
}

function changed(sections) {
  if (due === null) {
    due = new Set();
    queueMicrotask(() => {
      const now = due;
      due = null;
      for (const watcher of watchers) {
        if ([...now].some((section) => watcher.sections.has(section))) watcher.render();
      }
    });
  }
  for (const section of sections) due.add(section);
}

export function replaceAll(snapshot) {
  const sections = new Set([...Object.keys(seen), ...Object.keys(snapshot)]);
  for (const name of Object.keys(seen)) delete seen[name];
  Object.assign(seen, snapshot);
  changed(sections);
}

// Entries that are null are gone; see `changes.py`.
export function patch(changes) {
  for (const [name, entries] of Object.entries(changes)) {
    const after = { ...(seen[name] ?? {}) };
    for (const [key, value] of Object.entries(entries)) {
      if (value === null) delete after[key];
      else after[key] = value;
    }
    seen[name] = after;
  }
  changed(Object.keys(changes));
}

export function show(changes) {
  Object.assign(ui, changes);
  remember();
  changed(["ui"]);
}

const KEPT = ["as", "place", "thread", "side", "calls"];

function remember() {
  keep(forTab, "sandbox", Object.fromEntries(KEPT.map((name) => [name, ui[name]])));
}

export function recall() {
  Object.assign(ui, kept(forTab, "sandbox", {}));
}

// Messages, oldest first.
export function messages() {
  return Object.entries(seen.messages ?? {})
    .map(([key, message]) => ({ key, ...message }))
    .sort((one, other) => (one.ts < other.ts ? -1 : 1));
}

export function cards() {
  return messages().filter((message) => message.part === "card");
}

export const insider = () => Boolean(seen.me?.insider);
export const nameOf = (id) => seen.people?.[id]?.name ?? id;
export const isDirect = (id) => Boolean(seen.channels?.[id]?.direct);
