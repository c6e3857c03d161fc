// What scrolls can be scrolled by keyboard. The theme does this for code alone, and late.
const SCROLLING = ".bd-article :is(div.math, table, pre)";
const letScroll = () => {
  for (const box of document.querySelectorAll(SCROLLING))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
};
window.addEventListener("load", letScroll); // the formulas have their width by then

document.addEventListener("DOMContentLoaded", () => {
  // Also where a window changes its width, and where something is unfolded.
  const widths = new ResizeObserver(letScroll);
  for (const box of document.querySelectorAll(SCROLLING)) widths.observe(box);
  // The arrow that opens a part of the contents has a name.
  for (const arrow of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
    const page = arrow.closest("li").querySelector("a").textContent.trim();
    arrow.setAttribute("aria-label", `Pages below ${page}`);
  }
  // The text on the button, "Search", and its keys are its name: with another, saying it is in vain.
  for (const button of document.querySelectorAll(".search-button-field"))
    button.removeAttribute("aria-label");
});
