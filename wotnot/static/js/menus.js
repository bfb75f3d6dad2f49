// Menus are <details>: they work without this; with it they close on Escape, on a press elsewhere and when the focus leaves.

const openMenus = () => document.querySelectorAll("details.wn-menu[open]");

function closeOthers(inside) {
  for (const menu of openMenus()) if (!menu.contains(inside)) menu.open = false;
}

function onKey(event) {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    const hadFocus = menu.contains(document.activeElement);
    menu.open = false;
    if (hadFocus) menu.querySelector("summary").focus();
  }
}

/** Bind the closing of menus. */
export function startMenus() {
  document.addEventListener("click", (event) => closeOthers(event.target));
  document.addEventListener("focusin", (event) => closeOthers(event.target));
  document.addEventListener("keydown", onKey);
}
