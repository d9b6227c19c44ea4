// Small signs, drawn: not every machine has a font for them. They say nothing that words beside them don't.

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  lock: "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5z",
  reply: "M4 5h16v11H11l-5 4v-4H4z",
  swap: "M4 9h14l-4-4M20 15H6l4 4",
  eye: "M2 12s4-6 10-6 10 6 10 6-4 6-10 6-10-6-10-6zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
  send: "M4 12 20 4l-5 16-3-7z",
  menu: "M4 7h16M4 12h16M4 17h16",
  thread: "M5 4v9a3 3 0 0 0 3 3h11l-4-4m4 4-4 4",
  cloud: "M7 18a4 4 0 0 1-.5-8A6 6 0 0 1 18 9.500a4.300 4.300 0 0 1 0 8.500z",
  mail: "M3 6h18v12H3zM3 7l9 7 9-7",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6z",
  close: "M6 6l12 12M18 6 6 18",
  pause: "M8 5v14M16 5v14",
  question: "M8 9a4 4 0 1 1 6 3.500c-1.300.800-2 1.500-2 3M12 19.500v.010",
  hourglass: "M6 3h12M6 21h12M8 3c0 6 8 6 8 9s-8 3-8 9M16 3c0 6-8 6-8 9s8 3 8 9",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon-sign");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
