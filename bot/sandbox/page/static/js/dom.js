// Builds elements. Data only ever becomes text or attributes, never HTML.

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "data") {
      for (const [key, one] of Object.entries(value)) if (one !== undefined && one !== "") node.dataset[key] = one;
    } else if (name in PROPERTIES) {
      node[name] = value;
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return node;
}

const PROPERTIES = { value: 1, checked: 1, disabled: 1, selected: 1 };

// Replaces what is in `root`, but only when `version` says that it would be different. The focus stays with whatever
// has the same `data-focus`.
const versions = new WeakMap();

export function view(root, version, make) {
  const text = JSON.stringify(version);
  if (versions.get(root) === text) return false;
  versions.set(root, text);
  keepingFocus(root, () => root.replaceChildren(...[make()].flat(9).filter(Boolean)));
  return true;
}

// A list in which every item keeps its element for as long as its version stays the same.
const lists = new WeakMap();

export function list(root, items, make) {
  const known = lists.get(root) ?? new Map();
  const now = new Map();
  const nodes = items.map((item) => {
    const kept = known.get(item.key);
    const version = JSON.stringify(item.version);
    const entry = kept && kept.version === version ? kept : { version, node: make(item) };
    now.set(item.key, entry);
    return entry.node;
  });
  lists.set(root, now);
  const same = nodes.length === root.childNodes.length && nodes.every((node, index) => node === root.childNodes[index]);
  if (same) return;
  keepingFocus(root, () => {
    // What stays is not touched: a button that is taken away while it is held down is never pressed.
    const wanted = new Set(nodes);
    for (const node of [...root.childNodes]) if (!wanted.has(node)) node.remove();
    nodes.forEach((node, index) => node === root.childNodes[index] || root.insertBefore(node, root.childNodes[index] ?? null));
  });
}

function keepingFocus(root, change) {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.focus;
  const area = focused?.closest("[data-area]")?.dataset.area;
  const range = focused && "selectionStart" in focused && focused.type !== "select-one" ? [focused.selectionStart, focused.selectionEnd] : null;
  change();
  if (!focused || document.activeElement === focused) return;
  const inside = area ? [...root.querySelectorAll("[data-area]")].find((node) => node.dataset.area === area) : root;
  const again = key && [...(inside ?? root).querySelectorAll("[data-focus]")].find((node) => node.dataset.focus === key);
  if (again) {
    again.focus({ preventScroll: true });
    if (range && again.setSelectionRange && range[0] !== null) again.setSelectionRange(...range);
  } else if (inside && inside !== root) {
    inside.focus({ preventScroll: true });
  }
}
