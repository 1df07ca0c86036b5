// Runs a script of k6 in node: setup, so many iterations one after the other, teardown; then says what was found
// as a line of JSON. Rates and thresholds are not kept: that is what k6 is for.
//   node run.js SCRIPT ITERATIONS [NAME=VALUE …]
import { pathToFileURL } from "node:url";
import { checks } from "k6";
import exec from "k6/execution";
import { counters } from "k6/metrics";

const [script, iterations, ...variables] = process.argv.slice(2);
globalThis.__ENV = Object.fromEntries(variables.map((each) => each.split(/=(.*)/s).slice(0, 2)));
console.log = console.error; // so that only the result is on the standard output

const { default: iterate, setup, teardown, options } = await import(pathToFileURL(script));
const data = JSON.parse(JSON.stringify(setup())); // as k6 passes it on
for (let number = 0; number < Number(iterations); number += 1) {
  exec.scenario.iterationInTest = number;
  iterate(data);
}
teardown(data);
process.stdout.write(JSON.stringify({ data, checks, counters, options }) + "\n", () => process.exit(0));
