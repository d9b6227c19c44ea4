// The way to the server: a stream of changes in, actions out.

import { patch, replaceAll, show, ui } from "./state.js";
import { toast } from "./toasts.js";
import { t } from "./words.js";

const NOBODY_ELSE = "U0RITA";
let source = null;

export function follow() {
  source?.close();
  const mine = new EventSource(`/api/events?as=${encodeURIComponent(ui.as)}`);
  source = mine;
  const only = (handle) => (event) => {
    if (source === mine) handle(JSON.parse(event.data));
  };
  mine.addEventListener("snapshot", only((snapshot) => {
    replaceAll(snapshot);
    show({ connection: "open" });
  }));
  mine.addEventListener("patch", only(patch));
  mine.addEventListener("building", only(() => show({ connection: "building" })));
  mine.addEventListener("gone", only(() => {
    // Whom this tab remembers is nobody here.
    mine.close();
    show({ as: NOBODY_ELSE });
    follow();
  }));
  mine.addEventListener("error", () => {
    if (source !== mine) return;
    show({ connection: "lost" });
    // A browser gives up by itself when the server refuses the stream.
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => source === mine && follow(), 2000);
  });
}

// Does something as whoever this tab is. What Slack would show a person of a failure is shown in a toast.
export async function act(action, body = {}) {
  let answer;
  try {
    const response = await fetch(`/api/do/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Sandbox-Page": "1" },
      body: JSON.stringify({ ...body, as: ui.as }),
    });
    answer = await response.json();
    if (!response.ok) {
      toast(answer.message ?? String(response.status));
      return null;
    }
  } catch {
    toast(t("server_gone"));
    return null;
  }
  if (answer.ok === false) toast(t(`not_reached_${answer.why}`, {}, t("not_reached", { why: answer.why })));
  return answer;
}

export async function commands() {
  const response = await fetch("/api/commands");
  return response.json();
}
