// A picture for a profile: cut to a square in its middle before it travels. Without scripts the server says what to do.

const TYPES = ["image/jpeg", "image/png"];

async function drawSquare(file, most) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const side = Math.min(picture.width, picture.height);
  if (picture.width === picture.height) return null;
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(side, most);
  canvas.height = canvas.width;
  const left = (picture.width - side) / 2;
  const top = (picture.height - side) / 2;
  canvas.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, file.type, 0.92); });
  return blob && { file: new File([blob], file.name, { type: file.type }), was: `${picture.width} × ${picture.height}`, side: canvas.width };
}

async function onChoose(form, input) {
  const said = form.querySelector("[data-square-said]");
  const [file] = input.files;
  said.textContent = "";
  if (!file || !TYPES.includes(file.type)) return;
  const cut = await drawSquare(file, Number(form.dataset.square)).catch(() => null); // the server says what is wrong with it
  if (!cut || input.files[0] !== file) return;
  const chosen = new DataTransfer();
  chosen.items.add(cut.file);
  input.files = chosen.files;
  said.textContent = `It was ${cut.was} pixels. Its middle is shown, as a square of ${cut.side} × ${cut.side}.`;
}

/** Bind every form with data-square, whose value is the longest side worth sending. */
export function startSquare() {
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-square]");
    if (form && event.target.type === "file") onChoose(form, event.target);
  });
}
