// Block Kit as elements. `where` says what they stand in: {message} or {view}.

import { element } from "./elements.js";
import { h } from "./dom.js";
import { rich } from "./rich.js";

export function blocks(found, where, form = null) {
  return found.map((block) => one(block, where, form));
}

export function text(object) {
  if (!object) return "";
  return object.type === "mrkdwn" ? rich(object.tokens) : object.text;
}

function one(block, where, form) {
  switch (block.type) {
    case "header": return h("h3", { class: "block header" }, text(block.text));
    case "divider": return h("hr", { class: "block" });
    case "context": return h("div", { class: "block context" }, block.elements.map((part) => h("span", {}, part.type === "image" ? part.alt_text : text(part))));
    case "actions": return h("div", { class: "block actions" }, block.elements.map((part) => element(part, block, where, form)));
    case "section": return section(block, where, form);
    case "input": return input(block, where, form);
    case "image": return h("p", { class: "block context" }, block.alt_text);
    default: return h("p", { class: "block context" }, block.type);
  }
}

function section(block, where, form) {
  const said = [
    block.text ? h("div", {}, text(block.text)) : null,
    block.fields ? h("div", { class: "fields" }, block.fields.map((field) => h("div", {}, text(field)))) : null,
  ];
  const beside = block.accessory && block.accessory.type !== "image" ? element(block.accessory, block, where, form) : null;
  return h("div", { class: `block section${beside ? " beside" : ""}` }, h("div", { class: "said" }, said), beside);
}

function input(block, where, form) {
  const id = `field-${block.block_id}`;
  const error = form?.errors[block.block_id];
  const described = [block.hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  const labelled = { id, describedby: described, invalid: Boolean(error), required: !block.optional };
  return h(
    "div",
    { class: `block input${error ? " wrong" : ""}`, data: { testid: `input-${block.block_id}` } },
    h("label", { for: id }, text(block.label), block.optional ? h("span", { class: "optional" }, ` ${form?.optional ?? ""}`) : null),
    element(block.element, block, where, form, labelled),
    error ? h("p", { class: "error", id: `${id}-error`, role: "alert" }, error) : null,
    block.hint ? h("p", { class: "hint", id: `${id}-hint` }, text(block.hint)) : null,
  );
}

