/** `run-micro.js UNITS`: each micro benchmark with so many units, in a process of its own; prints the figures as JSON. */
import { measureMicro } from './micro-benchmark.js';
import { microBenchmarks } from './micro-benchmarks.js';

const units = Number(process.argv[2] ?? 1000);
const figures = microBenchmarks.map((benchmark) => measureMicro(benchmark, units));
process.stdout.write(`${JSON.stringify(figures)}\n`);
