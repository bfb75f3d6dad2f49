// The theme, decided before the first paint: what the person chose, else what the system prefers.
(() => {
  const KEY = "wn-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem(KEY) || "auto";
    } catch {
      return "auto"; // storage may be forbidden; the system's preference still holds
    }
  }

  function apply() {
    const choice = chosen();
    const theme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
    if (document.documentElement.dataset.bsTheme !== theme) {
      document.documentElement.dataset.bsTheme = theme;
      document.dispatchEvent(new CustomEvent("wn:theme", { detail: theme }));
    }
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  }

  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply); // another tab changed it
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try {
      localStorage.setItem(KEY, button.dataset.themeChoice);
    } catch {
      document.documentElement.dataset.bsTheme = button.dataset.themeChoice; // for this page only
    }
    apply();
  });
})();
