// Menus are <details>, which work without scripts: here they close by Escape, by a click elsewhere, and one by another.

const MENUS = "details:is(.menu, .others)[open]";

export function watchMenus() {
  // Before the choice does anything: its dialog gives the focus back to what had it.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(MENUS)) {
      const inside = menu.contains(event.target);
      if (inside && !event.target.closest("li, a")) continue;
      if (inside) menu.querySelector("summary").focus();
      menu.open = false;
    }
  }, true);
  // One at the end of the window opens upwards.
  document.addEventListener("toggle", ({ target: menu }) => {
    if (!menu.matches?.(".menu")) return;
    menu.classList.remove("up");
    const { bottom, height } = menu.lastElementChild.getBoundingClientRect();
    menu.classList.toggle("up", bottom > innerHeight && menu.getBoundingClientRect().top > height);
  }, true);
  document.addEventListener("keydown", (event) => {
    const [menu] = event.key === "Escape" ? document.querySelectorAll(MENUS) : [];
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
