// The steps of the tour: what to do, how to tell that it is done, where to look, and a hand where it helps.
// What has happened is what the server says, whoever this tab is and whatever it shows.

import { become } from "./identity.js";
import { drafted, putIn } from "./composer.js";
import { seen, show, ui } from "./state.js";

const REQUESTER = "U0RITA";
const APPROVER = "U0BEA";
const CHANNEL = "C0ORDERS";
const WAITING = new Set(["planning", "awaiting_approval", "scheduled"]);
const WITHDRAWN = new Set(["rejected", "cancelled", "expired"]);
const ENDED = new Set(["succeeded", "failed", "needs_attention", "refused", "not_needed", "closed"]);

const find = (testid, root = document) => root.querySelector(`[data-testid="${testid}"]`);
const cardNode = (operation) => !operation ? null : [...document.querySelectorAll(`[data-part="card"][data-operation="${CSS.escape(operation)}"]`)].find((node) => node.offsetParent);

// Every operation, the first of them first.
export function operations() {
  return Object.entries(seen.progress ?? {})
    .map(([operation, found]) => ({ operation, ...found }))
    .sort((one, other) => (one.at < other.at ? -1 : 1));
}

const every = (known) => operations().filter((one) => !known.includes(one.operation));
const since = (known) => every(known).filter((one) => !WITHDRAWN.has(one.status));

// The switchover that the tour begins with, and the one that something goes wrong with.
export const first = (tour) => since(tour.known)[0];
export const second = (tour) => (tour.broken ? since(tour.broken).at(-1) : undefined);

// What the tour would begin with, had it not expired, or been rejected or cancelled.
export const gone = (tour) => (first(tour) ? undefined : every(tour.known).at(-1));

const approved = (found) => Boolean(found) && !WAITING.has(found.status);
const ended = (found) => Boolean(found) && ENDED.has(found.status);

function inChannel() {
  show({ place: { kind: "channel", id: CHANNEL }, thread: "", pane: "conversation" });
}

function ask(step) {
  become(REQUESTER);
  inChannel();
  putIn(CHANNEL, step.types);
}

// What the step types is in the message field, and only has to be sent.
export const isTyped = (step) => Boolean(step.types) && ui.as === REQUESTER && ui.place.id === CHANNEL && drafted(CHANNEL) === step.types;

const place = (id) => find(`channel-${seen.channels?.[id]?.name}`);
const chip = (who) => find(`identity-${who}`)?.closest(".chip");

// The question which node it is to be, as long as nothing has come of it.
function question() {
  const asked = [...document.querySelectorAll('[data-alone="yes"] [data-action="choose_node"]')].at(-1)?.closest("[data-area]");
  const begun = operations().at(-1)?.at ?? "";
  return asked && asked.dataset.area.split("/")[1] > begun ? asked : null;
}

function asking() {
  if (ui.as !== REQUESTER) return chip(REQUESTER);
  if (ui.place.id !== CHANNEL) return place(CHANNEL);
  return question() ?? find("composer-main")?.closest(".field");
}

function approving(who, found) {
  if (ui.as !== who) return chip(who);
  const card = cardNode(found?.operation);
  return card ? card.querySelector('[data-action="approve"]') : place(found?.thread.split("/")[0]);
}

export const STEPS = [
  {
    name: "request",
    types: "/switchover orders",
    help: ask,
    target: asking,
    done: (tour) => Boolean(first(tour)) && first(tour).status !== "planning",
  },
  {
    name: "own",
    help: null,
    target: (tour) => approving(REQUESTER, first(tour)),
    done: (tour) => Boolean(first(tour)?.refused.includes(REQUESTER)) || approved(first(tour)),
    // It is said in the thread, which nobody may have open.
    after(tour) {
      if (ui.as === REQUESTER && first(tour).refused.includes(REQUESTER)) show({ thread: first(tour).thread, pane: "thread" });
    },
  },
  {
    name: "approve",
    help: () => { become(APPROVER); inChannel(); },
    target: (tour) => approving(APPROVER, first(tour)),
    done: (tour) => approved(first(tour)),
  },
  {
    name: "watch",
    help: () => show({ side: "clouds", pane: "side" }),
    target: () => find("target-orders"),
    done: (tour) => ended(first(tour)),
  },
  {
    name: "break",
    help: () => show({ side: "faults", pane: "side" }),
    target: () => (ui.side === "faults" ? find("fault-qingcloud-answer_lost") : find("side-faults")),
    done: () => Boolean(seen.bot?.armed) || Object.values(seen.clouds).some((cloud) => cloud.armed.length),
  },
  {
    name: "again",
    types: "/switchover orders because we want to see it break",
    help: ask,
    target: (tour) => (second(tour) ? approving(APPROVER, second(tour)) : asking()),
    done: (tour) => approved(second(tour)),
  },
  {
    name: "settle",
    help: () => show({ side: "calls", calls: "submissions", pane: "side" }),
    target: (tour) => (seen.bot?.phase === "dead" ? find("banner-restart") : cardNode(second(tour)?.operation)),
    done: (tour) => ended(second(tour)),
  },
  {
    name: "end",
    help: () => show({ side: "calls", calls: "submissions", pane: "side" }),
    target: () => null,
    done: () => false,
  },
];
