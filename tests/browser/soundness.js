// What is wrong with what the page shows now: nameless controls, faint texts, what lies beyond the screen's edge.
() => {
  const seen = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const start = (node) => node.outerHTML.slice(0, 140);

  const CONTROLS = "button, input, select, textarea, a[href], [tabindex='0'], dialog[open], img:not([alt])";
  const FIELDS = ["INPUT", "SELECT", "TEXTAREA", "IMG"];
  const named = (node) => [
    node.getAttribute("aria-label"),
    node.getAttribute("title"),
    ...(node.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent),
    ...[...(node.labels ?? [])].map((label) => label.textContent),
    FIELDS.includes(node.tagName) ? "" : node.textContent,
  ].some((name) => name?.trim());
  const nameless = [...document.querySelectorAll(CONTROLS)].filter((node) => node.checkVisibility() && !named(node)).map(start);

  // What can be scrolled to is not beyond.
  const beyond = [...document.querySelectorAll("body *")].filter((node) => {
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height || node.closest(".unseen, .skip, .people")) return false;
    return box.right > innerWidth + 1 || box.left < -1;
  }).map(start);

  // WCAG's contrast of every text against what is painted behind it.
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    return [...pixel.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, under) => [0, 1, 2].map((at) => (top[at] * top[3] + under[at] * (255 - top[3])) / 255).concat(255);
  const behind = (node) => {
    if (!node) return [255, 255, 255, 255];
    const own = channels(getComputedStyle(node).backgroundColor);
    return own[3] === 255 ? own : over(own, behind(node.parentElement));
  };
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const [red, green, blue] = colour.map((one) => linear(one / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (node) => {
    const under = behind(node);
    const both = [light(over(channels(getComputedStyle(node).color), under)), light(under)];
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  };
  const covered = (node) => document.querySelector("dialog[open]") && !node.closest("dialog");
  const faint = [];
  let texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const node = text.parentElement;
    if (!text.textContent.trim() || !seen(node) || covered(node)) continue;
    if (node.closest(".unseen, .skip, option, optgroup, [disabled]")) continue;
    texts += 1;
    if (contrast(node) < 4.5) faint.push(`${contrast(node).toFixed(2)}: ${text.textContent.trim().slice(0, 60)}`);
  }

  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  return { texts, wrong: { nameless, beyond, faint, twice } };
}
