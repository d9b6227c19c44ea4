// The clouds: which node is the primary, which one was, what jobs there are, how often the cloud was asked to act.

import { h } from "./dom.js";
import { seen } from "./state.js";
import { clockSeconds } from "./times.js";
import { t } from "./words.js";

export function cloudsPanel() {
  const clouds = Object.entries(seen.clouds ?? {}).map(([key, cloud]) => [key, { ...cloud, calls: 0 }]);
  return { version: clouds, make: () => clouds.map(([key, cloud]) => one(key, cloud)) };
}

function one(key, cloud) {
  return h("section", { class: "cloud", "aria-labelledby": `cloud-${key}`, data: { testid: `cloud-${key}` } },
    h("h3", { id: `cloud-${key}` }, cloud.name, h("small", {}, ` ${t("simulated")}`)),
    submissions(key, cloud),
    cloud.armed.length ? h("p", { class: "armed", data: { testid: `armed-${key}` } }, "⚠ ", t("armed", { what: cloud.armed.map((name) => t(`fault_${name}`)).join(", ") })) : null,
    cloud.targets.map(target),
    jobs(key, cloud.jobs));
}

function submissions(key, cloud) {
  return h("dl", { class: "counts", data: { testid: `submissions-${key}`, received: String(cloud.received), accepted: String(cloud.accepted) } },
    h("div", {}, h("dt", {}, t("received")), h("dd", { data: { testid: `received-${key}` } }, String(cloud.received))),
    h("div", {}, h("dt", {}, t("accepted")), h("dd", { data: { testid: `accepted-${key}` } }, String(cloud.accepted))));
}

function target(found) {
  return h("div", { class: "target", data: { testid: `target-${found.database}${found.shard ? `-${found.shard}` : ""}` } },
    h("h4", {}, found.database, found.shard ? h("span", { class: "shard" }, ` ${found.shard}`) : null,
      found.busy ? h("span", { class: "busy", data: { testid: "busy" } }, `⟳ ${found.busy}`) : null),
    h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("node")), h("th", { scope: "col" }, t("before")), h("th", { scope: "col" }, t("now")), h("th", { scope: "col" }, t("health")))),
      h("tbody", {}, found.nodes.map((node) => h("tr", { class: node.now === "primary" ? "is-primary" : "", data: { testid: `node-${node.id}`, role: node.now } },
        h("th", { scope: "row" }, node.name, node.address ? h("small", {}, ` ${node.address}`) : null),
        h("td", { class: "was" }, found.moved ? role(node.before) : "–"),
        h("td", {}, role(node.now)),
        h("td", {}, node.healthy ? h("span", { class: "well" }, `✓ ${t("healthy")}`) : h("span", { class: "unwell" }, `✗ ${t("unhealthy")}`)))))));
}

function role(name) {
  return name === "primary" ? h("strong", { class: "primary-mark" }, `★ ${t("primary")}`) : t("replica");
}

function jobs(key, found) {
  return [
    h("h4", {}, t("jobs")),
    found.length
      ? h("ul", { class: "jobs", data: { testid: `jobs-${key}` } }, found.toReversed().map((job) => h("li", {},
          h("time", {}, clockSeconds(job.at)), h("span", {}, `${job.target} → ${job.node}`),
          h("code", {}, job.id ? job.id.slice(0, 10) : t("no_job_id")), h("span", { class: `status${job.over ? " over" : ""}` }, job.over ? job.status : `⟳ ${job.status}`))))
      : h("p", { class: "quiet" }, t("no_jobs")),
  ];
}
