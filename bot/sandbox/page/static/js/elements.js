// The interactive elements of Block Kit. Outside a form each tells the bot at once; inside one, only where the block
// says so, and the form keeps what was entered.

import { act } from "./api.js";
import { text } from "./blocks.js";
import { combobox } from "./combobox.js";
import { confirmed } from "./confirm.js";
import { h } from "./dom.js";
import { seen } from "./state.js";
import { t } from "./words.js";

const NO_FORM = { get: () => undefined, set: () => {}, errors: {} };

export function element(found, block, where, form, labelled = {}) {
  const kept = form ?? NO_FORM;
  switch (found.type) {
    case "button": return button(found, block, where);
    case "static_select": return picker(found, block, where, kept, labelled, grouped(found));
    case "overflow": return picker({ ...found, placeholder: { text: "⋯" } }, block, where, kept, labelled, options(found.options));
    case "users_select": return picker(found, block, where, kept, labelled, people());
    case "conversations_select":
    case "channels_select": return picker(found, block, where, kept, labelled, channels());
    case "external_select": return external(found, block, where, kept, labelled);
    case "plain_text_input": return typed(found, block, kept, labelled);
    case "radio_buttons": return choices("radio", found, block, kept);
    case "checkboxes": return choices("checkbox", found, block, kept);
    case "datepicker": return plain("date", "initial_date", found, block, where, kept, labelled);
    case "timepicker": return plain("time", "initial_time", found, block, where, kept, labelled);
    default: return h("span", { class: "context" }, t("not_shown", { type: found.type }));
  }
}

export function button(found, block, where) {
  const pressed = async (event) => {
    const node = event.currentTarget;
    if (found.confirm && !(await confirmed(found.confirm, found.style))) return;
    node.setAttribute("aria-busy", "true");
    try {
      await act("click", { ...where, action_id: found.action_id, ...(found.value === undefined ? {} : { value: found.value }) });
    } finally {
      node.removeAttribute("aria-busy");
    }
  };
  return h("button", {
    type: "button",
    class: `bk-button ${found.style ?? ""}`,
    "aria-label": found.accessibility_label,
    data: { testid: `action-${found.action_id}`, focus: `${block.block_id}/${found.action_id}`, action: found.action_id },
    on: { click: pressed },
  }, found.text.text);
}

function tells(block, form) {
  return form === NO_FORM || block.type !== "input" || block.dispatch_action === true;
}

function chosen(found, block, where, form, value) {
  form.set(block.block_id, value);
  if (value && tells(block, form)) act("choose", { ...where, action_id: found.action_id, value });
}

function common(found, block, labelled) {
  return {
    id: labelled.id,
    "aria-describedby": labelled.describedby || undefined,
    "aria-invalid": labelled.invalid ? "true" : undefined,
    "aria-required": labelled.required ? "true" : undefined,
    "aria-label": labelled.id ? undefined : found.placeholder?.text ?? found.action_id,
    data: { testid: `element-${found.action_id}`, focus: `${block.block_id}/${found.action_id}` },
  };
}

function picker(found, block, where, form, labelled, made) {
  const initial = found.initial_option?.value ?? found.initial_conversation ?? found.initial_channel ?? found.initial_user ?? "";
  const value = form.get(block.block_id) ?? initial;
  if (value && form.get(block.block_id) === undefined) form.set(block.block_id, value);
  const node = h("select", { ...common(found, block, labelled), class: "bk-select", on: { change: (event) => chosen(found, block, where, form, event.target.value) } },
    h("option", { value: "" }, found.placeholder?.text ?? t("choose_one")), made);
  node.value = value;
  return node;
}

function grouped(found) {
  if (!found.option_groups) return options(found.options ?? []);
  return found.option_groups.map((group) => h("optgroup", { label: group.label.text }, options(group.options)));
}

const options = (found) => found.map((one) => h("option", { value: one.value }, one.description ? `${one.text.text} (${one.description.text})` : one.text.text));
const people = () => Object.entries(seen.people).filter(([, person]) => !person.bot).map(([id, person]) => h("option", { value: id }, person.real_name));
const channels = () => Object.entries(seen.channels).filter(([, one]) => !one.direct).map(([id, one]) => h("option", { value: id }, `#${one.name}`));

function external(found, block, where, form, labelled) {
  return combobox({
    attributes: common(found, block, labelled),
    placeholder: found.placeholder?.text ?? "",
    value: form.get(block.block_id) ?? found.initial_option?.value ?? "",
    least: found.min_query_length ?? 3,
    find: async (typedText) => (await act("options", { ...where, action_id: found.action_id, typed: typedText }))?.options ?? [],
    chosen: (value) => chosen(found, block, where, form, value),
  });
}

function typed(found, block, form, labelled) {
  const value = form.get(block.block_id) ?? found.initial_value ?? "";
  return h(found.multiline ? "textarea" : "input", {
    ...common(found, block, labelled),
    class: "bk-text",
    placeholder: found.placeholder?.text,
    maxlength: found.max_length,
    rows: found.multiline ? 3 : undefined,
    type: found.multiline ? undefined : "text",
    autocomplete: "off",
    value,
    on: { input: (event) => form.set(block.block_id, event.target.value) },
  });
}

function plain(type, initial, found, block, where, form, labelled) {
  return h("input", {
    ...common(found, block, labelled),
    class: "bk-text",
    type,
    value: form.get(block.block_id) ?? found[initial] ?? "",
    on: { change: (event) => chosen(found, block, where, form, event.target.value) },
  });
}

function choices(type, found, block, form) {
  const many = type === "checkbox";
  const first = many ? (found.initial_options ?? []).map((one) => one.value) : found.initial_option?.value;
  if (form.get(block.block_id) === undefined && first !== undefined) form.set(block.block_id, first);
  const ticked = (value) => (many ? (form.get(block.block_id) ?? []).includes(value) : form.get(block.block_id) === value);
  const change = (value, on) => {
    if (!many) return form.set(block.block_id, value);
    const rest = (form.get(block.block_id) ?? []).filter((one) => one !== value);
    return form.set(block.block_id, on ? [...rest, value] : rest);
  };
  return h("div", { role: many ? "group" : "radiogroup", class: "bk-choices" }, found.options.map((one) =>
    h("label", {}, h("input", { type, name: block.block_id, checked: ticked(one.value), on: { change: (event) => change(one.value, event.target.checked) } }), " ", text(one.text))));
}
