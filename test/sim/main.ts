/** The simulator's command line; scripts/sim.mjs says how it is called. */
import { parseArgs } from 'node:util';
import { measureScale } from './scale.js';
import { Simulation } from './simulation.js';
import { Table } from './table.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    nodes: { type: 'string' },
    minutes: { type: 'string', default: '2' },
    hours: { type: 'string' },
    scale: { type: 'boolean', default: false },
  },
});

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
  process.stderr.write(`--${name} has to be a number, ${least} at least: ${text}\n`);
  return process.exit(1);
}

function scale(counts: readonly number[]): void {
  const rows = [
    ['nodes', 'frames/s', 'bytes/s', 'bytes/frame', 'joined', 'FAIL', 'FAIL known', 'elected', 'agreed', 'heap/pair'],
    ...counts.map((count) => {
      const result = measureScale(count, (text) => process.stderr.write(`${count} nodes: ${text}\n`));
      const { framesASecond, bytesASecond, bytesAFrame, joinMs, failMs, failKnownMs, electionMs, agreedMs } = result;
      const times = [joinMs, failMs, failKnownMs, electionMs, agreedMs].map((ms) => `${ms} ms`);
      const sizes = [bytesASecond, bytesAFrame].map((bytes) => bytes.toFixed(0));
      return [String(count), framesASecond.toFixed(1), ...sizes, ...times, result.heapBytesAPair.toFixed(0)];
    }),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) console.log(row.map((text, column) => text.padStart(widths[column])).join('  '));
}

function simulate(): void {
  const first = number('seed', values.seed, 0);
  const seeds = number('seeds', values.seeds, 1);
  const minutes = number('minutes', values.minutes, 0.01);
  const given = values.nodes === undefined ? undefined : number('nodes', values.nodes, 4);
  const hours = values.hours === undefined ? Number.POSITIVE_INFINITY : number('hours', values.hours, 0);
  const endMs = Date.now() + hours * 3_600_000;
  const table = new Table();
  for (let seed = first; seed < first + seeds && Date.now() < endMs; seed++) {
    const nodes = given ?? 6 + (seed % 5);
    const result = new Simulation({ seed, nodes, minutes }).run();
    table.add(result);
    if (result.violation === undefined) continue;
    for (const line of result.violation.events) console.log(line);
    const replay = `--seed ${seed} --nodes ${nodes} --minutes ${minutes}`;
    console.log(`\nVIOLATION: ${result.violation.text}\nreplay: npm run sim -- ${replay}\n`);
  }
  console.log(table.toString());
  process.exitCode = table.violations > 0 ? 1 : 0;
}

if (values.scale) scale(values.nodes === undefined ? [6, 100, 300] : [number('nodes', values.nodes, 6)]);
else simulate();
