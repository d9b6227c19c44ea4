// The steps of the tour: what to do, how to tell that it is done, where to look, and a hand where it helps.

import { become } from "./identity.js";
import { putIn } from "./composer.js";
import { cards, messages, seen, show, ui } from "./state.js";

const REQUESTER = "U0RITA";
const APPROVER = "U0BEA";
const CHANNEL = "C0ORDERS";
const WAITING = new Set(["planning", "awaiting_approval", "scheduled"]);
const ENDED = new Set(["succeeded", "failed", "needs_attention", "refused", "closed"]);

const find = (testid, root = document) => root.querySelector(`[data-testid="${testid}"]`);
const card = (operation) => cards().find((one) => one.operation === operation);
const cardNode = (operation) => !operation ? null : [...document.querySelectorAll(`[data-part="card"][data-operation="${CSS.escape(operation)}"]`)].find((node) => node.offsetParent);
const fresh = (tour) => cards().find((one) => one.channel === CHANNEL && !tour.base.operations.includes(one.operation));
const received = () => Object.values(seen.clouds).reduce((all, cloud) => all + cloud.received, 0);

function inChannel() {
  show({ place: { kind: "channel", id: CHANNEL }, thread: "", pane: "conversation" });
}

function ask(text) {
  become(REQUESTER);
  inChannel();
  setTimeout(() => putIn(text), 400);
}

const alone = (action) => [...document.querySelectorAll(`[data-alone="yes"] [data-action="${action}"]`)].at(-1);
const asking = () => (ui.as === REQUESTER ? alone("choose_node") ?? find("composer-main")?.closest(".field") : find(`identity-${REQUESTER}`)?.closest(".chip"));

function approving(operation) {
  if (ui.as !== APPROVER) return find(`identity-${APPROVER}`)?.closest(".chip");
  return cardNode(operation)?.querySelector('[data-action="approve"]');
}

export const STEPS = [
  {
    name: "request",
    help: () => ask("/switchover orders"),
    target: asking,
    done(tour) {
      const found = fresh(tour);
      if (!found || found.status === "planning") return false;
      tour.first = found.operation;
      return true;
    },
  },
  {
    name: "own",
    help: null,
    target: (tour) => (ui.as === REQUESTER ? cardNode(tour.first)?.querySelector('[data-action="approve"]') : find(`identity-${REQUESTER}`)?.closest(".chip")),
    done(tour) {
      const refusal = ui.as === REQUESTER && messages().find((one) => one.alone && one.user === seen.me.bot && !tour.base.alone.includes(one.key));
      // It is said in the thread, which nobody may have open.
      if (refusal?.thread) show({ thread: `${refusal.channel}/${refusal.thread}`, pane: "thread" });
      return Boolean(refusal) || !WAITING.has(card(tour.first)?.status ?? "planning");
    },
  },
  {
    name: "approve",
    help: () => { become(APPROVER); inChannel(); },
    target: (tour) => approving(tour.first),
    done: (tour) => Boolean(card(tour.first)) && !WAITING.has(card(tour.first).status),
  },
  {
    name: "watch",
    help: () => show({ side: "clouds", pane: "side" }),
    target: () => find("target-orders"),
    done: (tour) => ENDED.has(card(tour.first)?.status),
  },
  {
    name: "break",
    help: () => show({ side: "faults", pane: "side" }),
    target: () => (ui.side === "faults" ? find("fault-qingcloud-answer_lost") : find("side-faults")),
    done: () => Boolean(seen.bot?.armed) || Object.values(seen.clouds).some((cloud) => cloud.armed.length),
  },
  {
    name: "again",
    help: () => ask("/switchover orders because we want to see it break"),
    target: (tour) => (tour.second ? approving(tour.second) : asking()),
    done(tour) {
      tour.second = fresh(tour)?.operation ?? tour.second;
      return Boolean(tour.second) && Boolean(card(tour.second)) && !WAITING.has(card(tour.second).status);
    },
  },
  {
    name: "settle",
    help: () => show({ side: "calls", calls: "submissions", pane: "side" }),
    target: (tour) => (seen.bot?.phase === "dead" ? find("banner-restart") : cardNode(tour.second)),
    done: (tour) => ENDED.has(card(tour.second)?.status) && received() >= 1,
  },
  {
    name: "end",
    help: () => show({ side: "calls", calls: "submissions", pane: "side" }),
    target: () => null,
    done: () => false,
  },
];
