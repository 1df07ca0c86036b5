// As much of k6's module "k6" as bench/tools/k6.js uses, for node: k6 itself is a Go program that brings its own.
export const checks = {};

export function check(value, sets) {
  let good = true;
  for (const [name, holds] of Object.entries(sets)) {
    const counts = (checks[name] ??= { passes: 0, fails: 0 });
    const held = Boolean(holds(value));
    counts[held ? "passes" : "fails"] += 1;
    good &&= held;
  }
  return good;
}
