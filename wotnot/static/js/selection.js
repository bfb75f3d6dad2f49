// Rows that can be ticked: "select all", a count, and the bar with what can be done with them.

function update(form) {
  const boxes = [...form.querySelectorAll("[data-select]")];
  const ticked = boxes.filter((box) => box.checked).length;
  const all = form.querySelector("[data-select-all]");
  if (all) {
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
  form.querySelector("[data-selection-bar]").hidden = ticked === 0;
  for (const place of form.querySelectorAll("[data-selected-count]")) place.textContent = ticked;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-selection]");
  if (!form) return;
  if (event.target.matches("[data-select-all]")) {
    for (const box of form.querySelectorAll("[data-select]")) box.checked = event.target.checked;
  }
  update(form);
});

// A browser that goes back to the page keeps the ticks.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-selection]")) update(form);
});
