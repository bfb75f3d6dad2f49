// A field that belongs to one of several cards chooses that card by being used; choosing another card empties a list that would
// contradict it. `data-chooses` is the id of the card's radio.

function onChange(event) {
  const used = event.target;
  const card = document.getElementById(used.dataset?.chooses);
  if (card && (used.type === "checkbox" ? used.checked : used.value)) card.checked = true;
  if (used.type === "radio") empty(used);
}

function empty(card) {
  for (const list of card.form?.querySelectorAll("select[data-chooses]") || []) {
    if (document.getElementById(list.dataset.chooses)?.name === card.name && list.dataset.chooses !== card.id) list.value = "";
  }
}

/** Bind once, on the document. */
export function startChoices() {
  document.addEventListener("change", onChange, true);
}
