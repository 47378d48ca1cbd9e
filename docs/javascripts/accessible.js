/* What mkdocs-material leaves out for readers who hear a page or have no mouse: names of the search and of the buttons
 * beside code, and code that is wider than the screen reached by the keyboard. */
"use strict";
(() => {
  const complete = () => {
    document.querySelectorAll("[data-md-component=search]").forEach((search) => search.setAttribute("aria-label", "Search"));
    document.querySelectorAll("nav.md-code__nav").forEach((buttons, number) =>
      buttons.setAttribute("aria-label", `Buttons of code ${number + 1}`));
    document.querySelectorAll("pre > code, .output, .md-typeset__table, .md-typeset__scrollwrap").forEach((part) => {
      if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
      else part.removeAttribute("tabindex");
    });
  };
  complete();
  new MutationObserver(complete).observe(document.body, { childList: true, subtree: true });
  window.addEventListener("resize", complete);
  window.addEventListener("load", complete);
})();
