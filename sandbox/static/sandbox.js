// The phone page: fetches its parts again when something changed, and posts what the person does.
"use strict";

const main = document.getElementById("main");
const phone = main.dataset.phone;
const number = main.dataset.number;
const query = new URLSearchParams({ phone, number });
const wall = document.getElementById("chat");
const problem = document.getElementById("problem");

async function call(path, body) {
  const answer = await fetch(`/sandbox/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const data = await answer.json();
  problem.hidden = answer.ok;
  if (!answer.ok) {
    problem.textContent = data.error;
    throw new Error(data.error);
  }
  return data;
}

const busy = {};
// One request at a time for each part; a change that comes meanwhile asks once more.
async function refresh(part) {
  if (busy[part]) { busy[part] = "again"; return; }
  busy[part] = "now";
  try {
    const answer = await fetch(`/sandbox/page/${part}?${query}`);
    if (answer.ok) show(part, await answer.text());
  } finally {
    const again = busy[part] === "again";
    busy[part] = "";
    if (again) setTimeout(() => refresh(part), 300);
  }
}

function show(part, html) {
  const target = document.getElementById(part);
  if (!target) return;
  const down = part === "chat" && wall.scrollHeight - wall.scrollTop - wall.clientHeight < 80;
  target.innerHTML = html;
  if (down) wall.scrollTop = wall.scrollHeight;
}

function listen() {
  const stream = new EventSource(`/sandbox/page/events?${query}`);
  stream.onmessage = (event) => {
    const changed = JSON.parse(event.data);
    if (changed.chat) ["chats", "chat", "info"].filter((part) => document.getElementById(part)).forEach(refresh);
    if (changed.log) refresh("log");
  };
}

async function press(button) {
  const body = { from: phone, phone_number_id: number, wamid: button.closest("[data-wamid]").dataset.wamid, index: Number(button.dataset.index) };
  const result = await call("press", body);
  if (!result.opens) return;
  if (result.opens === "code" && navigator.clipboard) await navigator.clipboard.writeText(result.value).catch(() => {});
  const words = { url: "Would open", phone: "Would call", code: "Copied" };
  note(`${words[result.opens] || "Would open"} ${result.value || button.textContent.trim()}`);
}

function asBase64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1] || "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

// What is written already becomes the caption.
async function sendFile(input) {
  const [picked] = input.files;
  if (!picked) return;
  const field = input.form.text;
  const file = { name: picked.name, mime: picked.type, data: await asBase64(picked) };
  input.value = "";
  const caption = field.value.trim();
  field.value = "";
  await call("inbound", { from: phone, phone_number_id: number, file, caption });
  wall.scrollTop = wall.scrollHeight;
}

function note(text) {
  const line = document.createElement("div");
  line.className = "wa-day";
  line.textContent = text;
  wall.append(line);
  wall.scrollTop = wall.scrollHeight;
}

function percent(input) {
  const value = Number(input.value.replace("%", "").replace(",", ".").trim() || 0);
  input.value = Number.isFinite(value) ? `${value.toFixed(1)} %` : input.value;
  return value;
}

async function saveMix() {
  const current = await (await fetch("/sandbox/settings")).json();
  const failures = { ...current.failure_percent };
  document.querySelectorAll("[data-code]").forEach((input) => { failures[input.dataset.code] = percent(input); });
  const changes = { failure_percent: failures };
  document.querySelectorAll("[data-percent]").forEach((input) => { changes[input.dataset.percent] = percent(input); });
  await call("settings", changes).catch(() => {});
}

document.querySelectorAll("[data-setting]").forEach((slider) => {
  const output = slider.parentElement.querySelector("output");
  slider.addEventListener("input", () => {
    output.textContent = slider.dataset.unit === "s" ? `${Number(slider.value).toFixed(1)} s` : `${slider.value} ms`;
  });
  slider.addEventListener("change", () => call("settings", { [slider.dataset.setting]: Number(slider.value) }).catch(() => {}));
});
document.querySelectorAll("[data-code], [data-percent]").forEach((input) => input.addEventListener("change", saveMix));
document.getElementById("none").addEventListener("click", () => {
  document.querySelectorAll("[data-code], [data-percent]").forEach((input) => { input.value = "0"; });
  saveMix();
});
document.querySelectorAll("[data-customer]").forEach((box) => {
  box.addEventListener("change", () => call(`customers/${phone}`, { [box.dataset.customer]: box.checked }).catch(() => {}));
});
document.querySelectorAll("[data-marketing]").forEach((button) => {
  button.addEventListener("click", () => {
    button.closest("details").open = false;
    call("marketing", { from: phone, phone_number_id: number, value: button.dataset.marketing }).catch(() => {});
  });
});
document.getElementById("phone").addEventListener("change", () => document.getElementById("who").submit());
document.getElementById("second").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const digits = form.phone.value.replace(/\D/g, "");
  const body = form.name.value ? { name: form.name.value } : {};
  await call(`customers/${digits}`, body).then(() => window.open(`/?phone=${digits}`, "_blank", "noopener"), () => {});
});

setInterval(() => {
  const now = new Date();
  const shown = `${String(now.getHours()).padStart(2, "0")}:${String(now.getMinutes()).padStart(2, "0")}`;
  document.querySelectorAll(".now").forEach((clock) => { clock.textContent = shown; });
}, 20000);

if (wall) {
  wall.scrollTop = wall.scrollHeight;
  wall.addEventListener("click", (event) => {
    const button = event.target.closest(".wa-btn");
    if (button) press(button).catch(() => {});
  });
  document.querySelector("#composer [name=file]").addEventListener("change", (event) => sendFile(event.target).catch(() => {}));
  document.getElementById("composer").addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = event.target.text;
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    await call("inbound", { from: phone, phone_number_id: number, text }).then(() => { wall.scrollTop = wall.scrollHeight; }, () => { field.value = text; });
  });
}
listen();
