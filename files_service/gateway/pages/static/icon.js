// An icon of the sprite; it says nothing to those who hear the page.

import { base } from "./server.js";

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${base}/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}
