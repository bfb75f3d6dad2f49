// Charts: numbers from the JSON of the figure, colours from the custom properties, drawn again when the theme changes.

const LIBRARY = "../vendor/chart/chart.umd.min.js";
const COLOURS = { k1: "--wn-chart-1", k2: "--wn-chart-2", k3: "--wn-chart-3", k4: "--wn-chart-4", k5: "--wn-ok" };
const NARROW_PX = 480;
const drawn = new Map(); // canvas → Chart
const asTables = new Set(); // the charts that somebody looks at as a table: a refresh leaves them so
let loading = null;

function loadLibrary() {
  loading ||= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL(LIBRARY, import.meta.url);
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return loading;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function say(spec, value) {
  const digits = { minimumFractionDigits: spec.decimals, maximumFractionDigits: spec.decimals };
  return spec.prefix + value.toLocaleString("en", spec.decimals ? digits : undefined) + spec.unit;
}

function dataset(one, kind) {
  const paint = colour(COLOURS[one.colour]);
  if (kind === "lines") return { label: one.label, data: one.data, borderColor: paint, backgroundColor: paint, borderWidth: 2, pointRadius: 0, tension: 0 };
  // The 1 px gap keeps the parts apart where colours do not: on grey paper.
  return { label: one.label, data: one.data, backgroundColor: paint, borderColor: colour("--wn-surface"), borderWidth: { top: 1 }, borderRadius: 1, borderSkipped: false, barPercentage: 0.78, categoryPercentage: 0.9 };
}

function axes(spec, width) {
  const every = Math.ceil(spec.labels.length / (width < NARROW_PX ? 3 : 6));
  const stacked = spec.kind === "stacked";
  return {
    x: {
      stacked,
      grid: { display: false },
      border: { color: colour("--wn-line-2") },
      ticks: { maxRotation: 0, autoSkip: false, callback: (_, at) => (at % every === Math.floor(every / 2) ? spec.labels[at] : "") },
    },
    y: {
      stacked,
      beginAtZero: true,
      border: { display: false },
      grid: { color: colour("--wn-chart-grid") },
      ticks: { maxTicksLimit: 5, padding: 8, precision: spec.decimals ? undefined : 0, callback: (value) => say(spec, value) },
    },
  };
}

function tooltip(spec) {
  return {
    mode: "index",
    intersect: false,
    backgroundColor: colour("--wn-ink"),
    titleColor: colour("--wn-paper"),
    bodyColor: colour("--wn-paper"),
    footerColor: colour("--wn-paper"),
    padding: 10,
    cornerRadius: 6,
    callbacks: {
      title: (items) => spec.titles[items[0].dataIndex],
      label: (item) => ` ${item.dataset.label}: ${say(spec, item.parsed.y)}`,
      footer: (items) => (spec.kind === "stacked" ? `Total: ${say({ ...spec, unit: "" }, items.reduce((sum, item) => sum + item.parsed.y, 0))}` : ""),
    },
  };
}

function draw(figure) {
  const canvas = figure.querySelector("canvas");
  const spec = JSON.parse(figure.dataset.chart);
  drawn.get(canvas)?.destroy();
  Chart.defaults.font.family = colour("--wn-font");
  Chart.defaults.font.size = 12;
  Chart.defaults.color = colour("--wn-ink-3");
  drawn.set(canvas, new Chart(canvas, {
    type: spec.kind === "lines" ? "line" : "bar",
    data: { labels: spec.labels, datasets: spec.series.map((one) => dataset(one, spec.kind)) },
    options: { animation: false, maintainAspectRatio: false, interaction: { mode: "index", intersect: false }, plugins: { legend: { display: false }, tooltip: tooltip(spec) }, scales: axes(spec, figure.clientWidth) },
  }));
}

function forgetRemoved() {
  for (const [canvas, chart] of drawn) {
    if (canvas.isConnected) continue;
    chart.destroy();
    drawn.delete(canvas);
  }
}

async function drawAll() {
  forgetRemoved();
  const figures = document.querySelectorAll("[data-chart]");
  if (!figures.length) return;
  try {
    await loadLibrary();
    figures.forEach(draw);
    figures.forEach(keepTable);
  } catch {
    figures.forEach(showTable); // the numbers are on the page either way
  }
}

function showTable(figure) {
  figure.querySelector(".wn-chart-table").hidden = false;
  figure.querySelector(".wn-chart-box").hidden = true;
}

function keepTable(figure) {
  const button = figure.querySelector("[data-chart-table]");
  if (asTables.has(button.dataset.chartTable) && button.getAttribute("aria-expanded") === "false") toggleTable(button);
}

function toggleTable(button) {
  const table = document.getElementById(button.dataset.chartTable);
  const box = button.closest("[data-chart]").querySelector(".wn-chart-box");
  table.hidden = !table.hidden;
  box.hidden = !table.hidden;
  if (table.hidden) asTables.delete(table.id);
  else asTables.add(table.id);
  button.setAttribute("aria-expanded", String(!table.hidden));
  button.querySelector("span").textContent = table.hidden ? "Show as table" : "Show as chart";
}

/** Draw the charts of the page, and again after a swap or a change of theme. */
export function startCharts() {
  drawAll();
  document.addEventListener("wn:theme", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-chart-table]");
    if (button) toggleTable(button);
  });
}
