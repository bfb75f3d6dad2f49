// The shop's page: places orders, changes them, and switches the shop's troubles.
"use strict";

const shop = document.getElementById("main").dataset.shop;
const problem = document.getElementById("problem");
const orders = document.getElementById("orders");

async function call(path, body) {
  const answer = await fetch(`/sandbox/shops/${shop}${path}`, {
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

// Not while somebody is writing a note or choosing a status.
async function refresh(always) {
  if (!always && (orders.contains(document.activeElement) || orders.querySelector("details[open]"))) return;
  const answer = await fetch(`/shop/${shop}/orders`);
  if (answer.ok) orders.innerHTML = await answer.text();
}

document.getElementById("checkout").addEventListener("submit", async (event) => {
  event.preventDefault();
  const data = new FormData(event.target);
  const body = Object.fromEntries([...data].filter(([name]) => !["product", "opt_in"].includes(name)));
  body.product_ids = data.getAll("product").map(Number);
  body.opt_in = data.has("opt_in");
  if (event.submitter && event.submitter.name === "status") body.status = event.submitter.value;
  const order = await call("/orders", body).catch(() => null);
  if (!order) return;
  document.getElementById("placed").textContent = `Order ${order.number} is placed.`;
  refresh(true);
});

orders.addEventListener("change", async (event) => {
  if (!event.target.matches("[data-status]")) return;
  const id = event.target.closest("[data-order]").dataset.order;
  await call(`/orders/${id}`, { status: event.target.value }).catch(() => {});
  refresh(true);
});

orders.addEventListener("submit", async (event) => {
  event.preventDefault();
  const id = event.target.closest("[data-order]").dataset.order;
  const { note, tracking } = event.target;
  try {
    if (tracking.value.trim()) await call(`/orders/${id}`, { tracking: tracking.value.trim() });
    await call(`/orders/${id}/notes`, { note: note.value });
  } catch { return; }
  refresh(true);
});

document.querySelectorAll("[data-trouble]").forEach((box) => {
  box.addEventListener("change", () => call("", { [box.dataset.trouble]: box.checked }).catch(() => {}));
});
document.querySelectorAll("[data-number]").forEach((field) => {
  field.addEventListener("change", () => call("", { [field.dataset.number]: Number(field.value.replace(",", ".")) || 0 }).catch(() => {}));
});

setInterval(() => refresh(false).catch(() => {}), 2000);
