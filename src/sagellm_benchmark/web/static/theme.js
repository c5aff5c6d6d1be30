/* Light or dark: the system's choice, or what was chosen here. Runs before anything is drawn. */
"use strict";
(() => {
  const root = document.documentElement;
  const KEY = "sagellm-theme";
  const stored = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  if (stored()) root.dataset.theme = stored();
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const told = () => document.dispatchEvent(new Event("themechange"));
  system.addEventListener("change", told);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem(KEY, root.dataset.theme); } catch { /* this page only */ }
      told();
    });
  });
})();
