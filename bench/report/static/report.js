// The charts of a load test's report, drawn by uPlot from the results that stand in the page.

const results = JSON.parse(document.getElementById("results").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const SYNC = "time";
const FONT = "12px Archivo, system-ui, sans-serif";
const SHADES = ["--booked", "--offered", "--good", "--held", "--edge", "--link"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const part = (name) => document.querySelector(`[data-part="${name}"]`);

function number(value) {
  if (value === null || value === undefined) return "–";
  const digits = value >= 100 || value === 0 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return Number(value.toFixed(digits)).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
const whole = (value) => (value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en"));
const inMs = (value) => (value === null || value === undefined ? "–" : `${number(value)} ms`);
const plain = (value) => value.toLocaleString("en", { maximumFractionDigits: 6 });

function time(seconds) {
  if (results.lastedS < 120 || seconds % 60) return seconds < 60 ? `${plain(seconds)} s` : `${Math.floor(seconds / 60)} min ${plain(seconds % 60)} s`;
  return results.lastedS < 7200 ? `${plain(seconds / 60)} min` : `${plain(seconds / 3600)} h`;
}
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];

/** The keys above a chart, with what is under the pointer, or what holds for all of it. */
class Keys {
  constructor(root, lines, more) {
    root.replaceChildren();
    this.lines = lines;
    this.more = more;
    this.values = lines.map((line) => {
      const key = root.appendChild(document.createElement("span"));
      key.append(sample(line), line.label, " ");
      return key.appendChild(document.createElement("b"));
    });
    this.at = more.at;
  }

  tell(plot) {
    const { idx } = plot.cursor;
    const nowhere = idx === null || idx === undefined;
    this.at.textContent = nowhere ? this.more.rest : `at ${this.more.first(plot.data[0][idx])}`;
    this.values.forEach((value, i) => {
      value.textContent = this.more.show(nowhere ? this.lines[i].whole : plot.data[i + 1][idx]);
    });
  }
}

/** A piece of the line, as it is drawn. */
function sample(line) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [44, 20];
  const ink = canvas.getContext("2d");
  ink.strokeStyle = ink.fillStyle = colour(line.colour);
  if (line.bars) ink.fillRect(14, 0, 16, 20);
  ink.lineWidth = (line.width ?? 2) * 2;
  ink.setLineDash((line.dash ?? []).map((each) => each * 2));
  if (!line.bars) {
    ink.beginPath();
    ink.moveTo(0, 10);
    ink.lineTo(44, 10);
    ink.stroke();
  }
  return canvas;
}

/** What all charts have in common; `lines` are drawn over `data`, whose first row is x. */
class Chart {
  constructor(root, lines, data, more) {
    this.root = root;
    this.lines = lines;
    this.data = data;
    this.more = more;
    this.make();
    new ResizeObserver(() => this.fit()).observe(root);
  }

  make() {
    this.plot?.destroy();
    const keys = new Keys(this.more.keys, this.lines, this.more);
    const axis = { stroke: colour("--soft"), font: FONT, ticks: { show: false } };
    const grid = { stroke: colour("--line"), width: 1 };
    const few = this.data[0].length < 3;
    const options = {
      width: this.root.clientWidth || 320,
      height: this.root.clientHeight || 200,
      padding: [10, 24, this.more.axisX.show === false ? 8 : 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, ...(this.more.sync ? { sync: { key: SYNC } } : {}) },
      scales: { x: { time: false, ...this.more.x }, y: this.more.y },
      axes: [
        { ...axis, grid: { show: false }, size: 28, ...this.more.axisX },
        { ...axis, grid, size: 56, ...this.more.axisY },
      ],
      series: [{}, ...this.lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: line.bars ? 0 : line.width ?? 2,
        dash: line.dash,
        fill: line.bars ? colour(line.colour) : line.fill ? `color-mix(in srgb, ${colour(line.colour)} 16%, transparent)` : undefined,
        paths: line.bars ? uPlot.paths.bars({ size: [0.8, 24] }) : undefined,
        points: { show: few && !line.bars, size: 6, fill: colour(line.colour) },
        spanGaps: this.more.spanGaps ?? false,
      }))],
      hooks: { setCursor: [(plot) => keys.tell(plot)] },
    };
    this.plot = new uPlot(options, this.data, this.root);
    keys.tell(this.plot);
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width && height && (width !== this.plot.width || height !== this.plot.height)) this.plot.setSize({ width, height });
  }
}

const fromZero = { range: (plot, least, most) => [0, most > 0 ? most * 1.08 : 1] };

/** Milliseconds on a scale on which each step is ten times as long. */
const powers = {
  distr: 3,
  range: (plot, least, most) => (least > 0 && most > 0 ? [10 ** Math.floor(Math.log10(least)), 10 ** Math.ceil(Math.log10(most * 1.001))] : [1, 10]),
};
const powersAxis = {
  splits: (plot) => {
    const { min, max } = plot.scales.y;
    const decades = Math.round(Math.log10(max / min));
    const found = [];
    for (let power = Math.round(Math.log10(min)); power <= Math.round(Math.log10(max)); power++)
      for (const digit of decades > 2 ? [1] : [1, 2, 5]) if (digit * 10 ** power <= max * 1.0001) found.push(Number((digit * 10 ** power).toPrecision(3)));
    return found;
  },
  filter: (plot, splits) => splits,
  values: (plot, splits) => splits.map((ms) => (ms >= 1000 ? `${plain(ms / 1000)} s` : `${plain(ms)} ms`)),
};

// --- over time -------------------------------------------------------------------------------------

const { series, run } = results;
const middles = series.map((point) => point.atS + point.seconds / 2);
const row = (name) => series.map((point) => point[name]);
const overTime = {
  sync: true,
  x: { range: [0, Math.max(results.lastedS, 1)] },
  axisX: { incrs: TIMES, space: 60, values: (plot, splits) => splits.map(time) },
  first: (at) => time(Math.floor(at)),
};
const charts = [];

function drawTime() {
  const rates = [
    { label: run.counted, colour: "--booked", fill: true, row: "good", whole: results.goodRate },
    { label: "requests", colour: "--ink", width: 1.5, row: "rate", whole: results.achievedRate },
    ...(run.loop === "open" ? [{ label: "offered", colour: "--offered", dash: [6, 4], width: 1.5, row: "offered", whole: results.offeredRate }] : []),
  ];
  charts.push(new Chart(part("rate"), rates, [middles, ...rates.map((line) => row(line.row))], {
    ...overTime, keys: part("rate-keys"), at: part("rate-at"), y: fromZero, show: whole, rest: "on average",
    axisY: { values: (plot, splits) => splits.map(plain) },
  }));
  if (part("errors")) {
    const errors = [{ label: "errors", colour: "--held", bars: true, whole: results.all.errors / results.lastedS }];
    charts.push(new Chart(part("errors"), errors, [middles, row("errors")], {
      ...overTime, keys: part("errors-keys"), at: part("errors-at"), y: fromZero, show: number, rest: "on average",
      axisX: { ...overTime.axisX, show: false },
      axisY: { space: 26, values: (plot, splits) => splits.map(plain) },
    }));
  }
  const all = results.all.latencyMs;
  const latencies = [
    { label: "max", colour: "--edge", width: 1, dash: [2, 3], row: "max", whole: all.max },
    { label: "p99", colour: "--booked", row: "p99", whole: all.p99 },
    { label: "p90", colour: "--offered", dash: [8, 4], row: "p90", whole: all.p90 },
    { label: "p50", colour: "--good", row: "p50", whole: all.p50 },
  ];
  charts.push(new Chart(part("latency"), latencies, [middles, ...latencies.map((line) => row(line.row))], {
    ...overTime, keys: part("latency-keys"), at: part("latency-at"), y: powers, axisY: powersAxis, show: inMs, rest: "in all",
  }));
}

// --- by percentile ---------------------------------------------------------------------------------

/** Each step to the right is a tenth of what is left: 90, 99, 99.9 … */
function place(percentile, count) {
  return percentile === 100 ? Math.log10(Math.max(count, 2)) : -Math.log10(1 - percentile / 100);
}
function percentile(x) {
  const value = 100 * (1 - 10 ** -x);
  return `${value.toFixed(Math.max(0, Math.ceil(x - 1e-9) - 1))} %`;
}
const NINES = new Map([[0, "0 %"], [-Math.log10(0.5), "50 %"], ...[1, 2, 3, 4, 5, 6].map((n) => [n, `${plain(100 - 10 ** (2 - n))} %`])]);

/** As many of them as there is room for. */
function nines(plot) {
  const { max } = plot.scales.x;
  const room = (52 * devicePixelRatio * max) / plot.bbox.width;
  const found = [];
  for (const x of NINES.keys()) if (x <= max && (!found.length || x - found.at(-1) >= room)) found.push(x);
  return found;
}

function drawDistribution() {
  const calls = Object.entries(results.calls).filter(([, call]) => call.distribution.length).slice(0, SHADES.length);
  if (!calls.length) return;
  const lines = calls.map(([label, call], i) => ({ label, whole: call.latencyMs.max, colour: SHADES[i], dash: DASHES[i % DASHES.length] }));
  const tables = calls.map(([, call]) => {
    const points = new Map(call.distribution.map((step) => [place(step.percentile, call.count), step.ms]));
    const xs = [...points.keys()].sort((a, b) => a - b);
    return [xs, xs.map((x) => points.get(x))];
  });
  const data = tables.length > 1 ? uPlot.join(tables) : tables[0];
  charts.push(new Chart(part("distribution"), lines, data, {
    spanGaps: true,
    keys: part("distribution-keys"),
    at: part("distribution-at"),
    x: { range: [0, Math.max(1, data[0].at(-1))] },
    y: powers,
    axisX: { splits: nines, filter: (plot, splits) => splits, values: (plot, splits) => splits.map((x) => NINES.get(x)) },
    axisY: powersAxis,
    show: inMs,
    first: percentile,
    rest: "at the most",
  }));
}

if (series.length) drawTime();
drawDistribution();

const redraw = () => charts.forEach((chart) => chart.make());
dark.addEventListener("change", redraw);
document.fonts.ready.then(redraw);

/** On paper it is light, and as wide as the paper. */
function paper(is) {
  document.documentElement.toggleAttribute("data-print", is);
  redraw();
}
addEventListener("beforeprint", () => paper(true));
addEventListener("afterprint", () => paper(false));
document.documentElement.dataset.drawn = "true";
