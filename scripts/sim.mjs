/**
 * The cluster and replication cores in a simulated world (test/sim):
 *
 *   npm run sim -- [--seed 1] [--seeds 1] [--nodes N] [--minutes 2] [--hours H]
 *   npm run sim -- --scale [--nodes N]
 *
 * Runs `--seeds` seeds from `--seed` on, `--minutes` of virtual time each, until `--hours` of real time are over, and prints
 * what happened. Without `--nodes` there are 6 to 10. A seed that finds a violation prints its last events, and how to replay it;
 * the exit code is then 1. A night: npm run sim -- --seeds 100000 --hours 8 --seed 1000000. With `--scale`: what a node sends, and how
 * long joining, FAIL and an election take with 6, 100 and 300 nodes, without faults: a minute or two. `--nodes 1000` takes 4 GB and
 * more than ten minutes, most of it the garbage collector's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install, root, run } from './setup.mjs';

install();
const folder = mkdtempSync(join(tmpdir(), 'shoal-sim-'));
const file = join(folder, 'sim.mjs');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
run(process.execPath, [
  `${root}/node_modules/rolldown/bin/cli.mjs`,
  'test/sim/main.ts',
  ...['--file', file, '--format', 'esm', '--platform', 'node', '--logLevel', 'warn'],
]);
// With a thousand nodes most garbage is frames, which a large young generation throws away before they are copied.
run(process.execPath, [
  '--max-old-space-size=12000',
  '--max-semi-space-size=64',
  '--expose-gc',
  file,
  ...process.argv.slice(2),
]);
