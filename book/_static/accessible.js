// What scrolls can be scrolled by keyboard. The theme does this for code alone, and late.
const letScroll = () => {
  for (const box of document.querySelectorAll(".bd-article :is(div.math, table, pre)"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
};
window.addEventListener("load", letScroll); // the formulas have their width by then
window.addEventListener("resize", letScroll);

document.addEventListener("DOMContentLoaded", () => {
  // The arrow that opens a part of the contents has a name.
  for (const arrow of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
    const page = arrow.closest("li").querySelector("a").textContent.trim();
    arrow.setAttribute("aria-label", `Pages below ${page}`);
  }
  // The text on the button, "Search", and its keys are its name: with another, saying it is in vain.
  for (const button of document.querySelectorAll(".search-button-field"))
    button.removeAttribute("aria-label");
});
