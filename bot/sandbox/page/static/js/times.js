// Times as the reader's own clock shows them.

import { current } from "./words.js";

export function clock(ts) {
  return new Intl.DateTimeFormat(current(), { hour: "2-digit", minute: "2-digit" }).format(Number(ts) * 1000);
}

export function clockSeconds(millis) {
  return new Intl.DateTimeFormat(current(), { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(millis);
}

const STYLES = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date: { year: "numeric", month: "long", day: "numeric" },
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  time: { hour: "2-digit", minute: "2-digit" },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

// Slack's `<!date^…>`: each `{part}` in the reader's zone; what is pretty says "today" and its neighbours.
export function slackDate(at, format, fallback) {
  const when = new Date(at * 1000);
  if (Number.isNaN(when.getTime())) return fallback;
  return format.replace(/\{(\w+)\}/g, (whole, part) => {
    const style = STYLES[part.replace("_pretty", "")];
    if (!style) return whole;
    return (part.endsWith("_pretty") && near(when)) || new Intl.DateTimeFormat(current(), style).format(when);
  });
}

function near(when) {
  const day = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((day(when) - day(new Date())) / 86_400_000);
  if (Math.abs(days) > 1) return "";
  return new Intl.RelativeTimeFormat(current(), { numeric: "auto" }).format(days, "day");
}
