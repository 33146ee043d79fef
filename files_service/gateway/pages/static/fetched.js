// Pages of the server that come by requests.

export async function documentOf(response) {
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// Puts the content of another page of ours into this one, with what `fill` does to it before it has the focus.
export function showMain(fresh, fill = () => {}) {
  for (const open of document.querySelectorAll("dialog[open]")) open.close();
  const main = document.importNode(fresh.getElementById("main"), true);
  document.getElementById("main").replaceWith(main);
  document.title = fresh.title;
  fill(main);
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  (main.querySelector("[aria-invalid]") ?? main.querySelector(".kept input:not([type=hidden])") ?? heading)?.focus();
}
