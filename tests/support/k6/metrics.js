// As much of "k6/metrics": a counter.
export const counters = {};

export class Counter {
  constructor(name) {
    this.name = name;
    counters[name] = 0;
  }
  add(value) {
    counters[this.name] += value;
  }
}
