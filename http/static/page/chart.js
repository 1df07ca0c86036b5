// The rate of sale as bars, one for each second, drawn by uPlot: small on a card, and large on an event's page.

import { everySecond } from "./clock.js";
import { rate } from "./format.js";
import { SECONDS } from "./rate.js";

const SMALL = 60; // seconds
const WHOLE = [1, 2, 5].flatMap((n) => [n, n * 10, n * 100, n * 1000, n * 10_000]).sort((a, b) => a - b);
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const before = (/** @type {number} */ s) => (s === 0 ? "now" : s > -60 ? `${-s} s` : `${-s / 60} min`);

export class Chart {
  /**
   * @param {HTMLElement} root
   * @param {() => import("./rate.js").Rate | undefined} rateOf
   * @param {boolean} [large]
   */
  constructor(root, rateOf, large = false) {
    this.root = root;
    this.rateOf = rateOf;
    this.large = large;
    this.drawn = "";
    this.seconds = large ? SECONDS : SMALL;
    this.times = Array.from({ length: this.seconds }, (_, i) => i - this.seconds + 1);
    this.redraw = () => this.#make();
    dark.addEventListener("change", this.redraw);
    this.stopTicking = everySecond(() => this.draw());
    this.observer = new ResizeObserver(() => this.#fit());
    this.observer.observe(root);
    this.#make();
  }

  #make() {
    this.plot?.destroy();
    this.plot = new uPlot(this.large ? this.#largeOptions() : this.#options(), this.#data(), this.root);
    this.drawn = "";
  }

  #options() {
    return {
      width: this.root.clientWidth || 120,
      height: this.root.clientHeight || 32,
      padding: [2, 0, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: [1 - this.seconds, 0.5] }, y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ max) => [0, Math.max(1, max * 1.1)] } },
      axes: [{ show: false }, { show: false }],
      series: [{}, {
        fill: colour("--chart"),
        width: 0,
        points: { show: false },
        paths: uPlot.paths.bars({ size: [0.8, 24], align: -1 }),
      }],
    };
  }

  #largeOptions() {
    const axis = { stroke: colour("--soft"), font: "12px Archivo, system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: colour("--line"), width: 1 };
    return {
      ...this.#options(),
      padding: [10, 16, 0, 0],
      axes: [
        { ...axis, grid: { show: false }, size: 28, splits: () => [-120, -90, -60, -30, 0].filter((s) => s > -this.seconds),
          values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map(before) },
        { ...axis, grid, size: 44, space: 34, incrs: WHOLE, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((s) => rate(s)) },
      ],
      hooks: {
        drawClear: [(/** @type {any} */ plot) => this.#shadeUnknown(plot)],
        draw: [(/** @type {any} */ plot) => this.#nameUnknown(plot)],
      },
    };
  }

  /**
   * Seconds that nobody watched are not seconds in which nothing was sold.
   * @param {any} plot
   */
  #shadeUnknown(plot) {
    const { ctx, bbox } = plot;
    const width = bbox.width / this.seconds;
    ctx.save();
    ctx.globalAlpha = 0.55;
    ctx.fillStyle = colour("--sunk");
    for (const [from, to] of unknownIn(plot.data[1])) ctx.fillRect(bbox.left + from * width, bbox.top, (to - from) * width, bbox.height);
    ctx.restore();
  }

  /** @param {any} plot */
  #nameUnknown(plot) {
    const { ctx, bbox } = plot;
    const [from = 0, to = 0] = unknownIn(plot.data[1])[0] ?? [];
    if (from > 0 || to < this.seconds / 3) return;
    ctx.save();
    ctx.font = `${12 * devicePixelRatio}px Archivo, system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "bottom";
    ctx.fillStyle = colour("--soft");
    ctx.fillText("before you came", bbox.left + (bbox.width * to) / this.seconds / 2, bbox.top + bbox.height - 8 * devicePixelRatio);
    ctx.restore();
  }

  #data() {
    return [this.times, this.rateOf()?.counts.slice(-this.seconds) ?? this.times.map(() => null)];
  }

  draw() {
    const data = this.#data();
    const drawn = String(data[1]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.plot?.setData(data);
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width && height && (width !== this.plot.width || height !== this.plot.height)) this.plot.setSize({ width, height });
  }

  destroy() {
    dark.removeEventListener("change", this.redraw);
    this.stopTicking();
    this.observer.disconnect();
    this.plot?.destroy();
  }
}

/**
 * Runs of seconds that nobody watched: where each begins, and where it has ended.
 * @param {(number | null)[]} counts
 */
function unknownIn(counts) {
  /** @type {[number, number][]} */
  const runs = [];
  counts.forEach((count, i) => {
    const last = runs.at(-1);
    if (count !== null) return;
    if (last?.[1] === i) last[1] = i + 1;
    else runs.push([i, i + 1]);
  });
  return runs;
}
