// What a new workspace is filled in with: the time zone of this browser and, until somebody chooses, the country it lies in.

/** Fill the field [data-time-zone]; `data-countries` on it names the JSON of zone → country, `data-country` the select. */
export function startHere() {
  const field = document.querySelector("input[data-time-zone]");
  if (!field) return;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone) return;
  field.value ||= zone;
  const select = document.getElementById(field.dataset.country);
  if (!select || "chosen" in select.dataset) return;
  const country = JSON.parse(document.getElementById(field.dataset.countries).textContent)[zone];
  if (country && select.querySelector(`option[value="${country}"]`)) select.value = country;
}
