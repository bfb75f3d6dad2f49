// Native dialogs: the browser keeps the focus inside, gives it back afterwards and closes on Escape.

function onClick(event) {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    document.getElementById(opener.dataset.dialog)?.showModal();
    return;
  }
  const dialog = event.target.closest("dialog");
  if (!dialog) return;
  // A press beside the content lands on the dialog itself.
  if (event.target.closest("[data-close]") || (event.target === dialog && isOutside(dialog, event))) dialog.close();
}

function isOutside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

// Once each: a dialog that was closed must not come back when some other part of the page is fetched again.
function openNew() {
  for (const dialog of document.querySelectorAll("dialog[data-open]")) {
    dialog.removeAttribute("data-open");
    if (!dialog.open) dialog.showModal();
  }
}

/** Buttons with data-dialog="id" open, those with data-close close; a dialog with data-open is open from the start. */
export function startDialogs() {
  document.addEventListener("click", onClick);
  openNew();
  document.addEventListener("htmx:afterSettle", openNew);
}
