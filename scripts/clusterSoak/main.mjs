/**
 * A soak of whole clusters, as real processes under real faults:
 *
 *   npm run test:cluster -- [--minutes 60] [--kinds oooooo] [--seed 1] [--timeout 2000] [--fsync everysec] [--faults kill,stop]
 *
 * Three masters with a replica each ('o' one of ours, 'r' one of Redis; first the masters) in network namespaces of their own, and a
 * client that writes all the time. One fault after the other: kill -9, SIGSTOP, a clean end, a node off the network, a partition with
 * a minority, a manual failover. After each the cluster has to heal by itself, and every write acknowledged so far is read. A write may be
 * missing only where the specification of the cluster lets it: sent to a master shortly before that was lost, or to one cut off.
 * Exit code 1 when anything else is missing, or the cluster does not heal; logs and data are kept then.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build, install, root, run } from '../setup.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    kinds: { type: 'string', default: 'oooooo' },
    seed: { type: 'string', default: '1' },
    timeout: { type: 'string', default: '2000' },
    fsync: { type: 'string', default: 'everysec' },
    faults: { type: 'string' },
  },
});
install();
build();
const { Prng } = await import(`${root}/dist/base/prng.js`);
const { makeNetwork } = await import('./network.mjs');
const { Node, untilHealed, viewOf } = await import('./nodes.mjs');
const { Recorder } = await import('./recorder.mjs');

const TIMEOUT_MS = Number(values.timeout);
const HEAL_PATIENCE_MS = 60_000 + 10 * TIMEOUT_MS;
/** What an asynchronous replica may be behind by. */
const LAG_MS = 1000;
const START_PATIENCE_MS = 60_000;

const random = new Prng(Number(values.seed));
const count = values.kinds.length;
const network = makeNetwork(count);
const dir = mkdtempSync(path.join(tmpdir(), 'cluster-soak-'));
const nodes = Array.from({ length: count }, (_, index) => {
  const shoal = [process.execPath, path.join(root, 'bin/shoal-server')];
  const program = values.kinds[index] === 'r' ? ['redis-server'] : shoal;
  return new Node(network, { index, program, dir, timeoutMs: TIMEOUT_MS, fsync: values.fsync });
});

/** @template T @param {T[]} list @returns {T} */
const pick = (list) => list[random.below(list.length)];
const pauseMs = () => 200 + random.below(4 * TIMEOUT_MS);

/** Masters with slots, or their replicas. @param {'master' | 'slave'} part */
async function those(part) {
  const found = [];
  for (const node of nodes) {
    const self = (await viewOf(node))?.find((member) => member.self);
    if (self?.flags.includes(part) && (part === 'slave' || self.slots.length > 0)) found.push(node);
  }
  return found;
}

/**
 * What can happen. Each answers when it is over, before the cluster has healed. `loses`: writes sent shortly before or within it may be missing.
 * @type {Record<string, { loses: boolean, cuts?: boolean, run(): Promise<string> }>}
 */
const FAULTS = {
  kill: {
    loses: true,
    async run() {
      const victim = pick(nodes);
      await victim.end('SIGKILL');
      await sleep(pauseMs());
      victim.start();
      return victim.address;
    },
  },
  stop: {
    loses: true,
    async run() {
      const victim = pick(nodes);
      victim.signal('SIGSTOP');
      await sleep(pauseMs());
      victim.signal('SIGCONT');
      return victim.address;
    },
  },
  'clean end': {
    // Replicas have caught up. But whoever was about to fail over anyway may have counted on another.
    loses: false,
    async run() {
      const victim = pick(nodes);
      await victim.end('SIGTERM');
      await sleep(pauseMs());
      victim.start();
      return victim.address;
    },
  },
  'manual failover': {
    loses: false,
    async run() {
      const replica = pick(await those('slave'));
      await replica.ask('CLUSTER', 'FAILOVER');
      return replica.address;
    },
  },
  isolation: {
    loses: true,
    cuts: true,
    async run() {
      const victim = pick(nodes);
      network.isolate(victim.index);
      await sleep(pauseMs());
      network.heal();
      return victim.address;
    },
  },
  partition: {
    loses: true,
    cuts: true,
    async run() {
      // A minority of the masters, with any replicas.
      const away = [pick(await those('master')), ...(await those('slave')).filter(() => random.below(2) === 0)];
      network.partition(away.map(({ index }) => index));
      await sleep(pauseMs());
      network.heal();
      return away.map(({ address }) => address).join(' ');
    },
  },
};

const chosen = Object.entries(FAULTS).filter(
  ([name, { cuts }]) => (network.cuts || cuts !== true) && (values.faults?.split(',').includes(name) ?? true),
);
/** @type {Map<string, { times: number, healMs: number[], lost: number }>} */
const table = new Map(chosen.map(([name]) => [name, { times: 0, healMs: [], lost: 0 }]));
/** @type {string[]} */
const violations = [];

async function untilStarted() {
  const deadline = performance.now() + START_PATIENCE_MS;
  while ((await Promise.all(nodes.map(viewOf))).some((view) => view === undefined)) {
    if (performance.now() > deadline) throw new Error(`the nodes did not start; see ${dir}`);
    await sleep(100);
  }
}

/** @param {InstanceType<typeof Recorder>} recorder */
async function oneFault(recorder) {
  const [name, fault] = pick(chosen);
  const startMs = performance.now();
  const where = await fault.run();
  const endMs = performance.now();
  await sleep(LAG_MS);
  const healMs = await untilHealed(nodes, HEAL_PATIENCE_MS);
  await recorder.progress(50, HEAL_PATIENCE_MS);
  const lost = await recorder.check();
  const row = /** @type {{ times: number, healMs: number[], lost: number }} */ (table.get(name));
  row.times++;
  row.healMs.push(healMs);
  row.lost += lost.length;
  for (const { key, sentMs, ackedMs } of lost) {
    const mayBeLost = fault.loses && ackedMs > startMs - LAG_MS && sentMs < endMs;
    if (!mayBeLost)
      violations.push(`${name} at ${where}: ${key} sent ${Math.round(sentMs - startMs)} ms after its begin`);
  }
  console.log(`${name.padEnd(16)} ${where.padEnd(44)} healed in ${Math.round(healMs)} ms, ${lost.length} lost`);
}

/** @param {InstanceType<typeof Recorder>} recorder */
function report(recorder, /** @type {number} */ epoch) {
  console.log('\nfault              times   healed after: median, longest (ms)   writes lost in its window');
  for (const [name, { times, healMs, lost }] of table) {
    const sorted = healMs.toSorted((a, b) => a - b);
    const middle = Math.round(sorted[sorted.length >> 1] ?? 0);
    const longest = Math.round(sorted.at(-1) ?? 0);
    console.log(
      `${name.padEnd(16)} ${String(times).padStart(7)}   ${String(middle).padStart(20)} ${String(longest).padStart(8)} ${String(lost).padStart(16)}`,
    );
  }
  console.log(
    `acknowledged writes ${recorder.acknowledged}, longest time without one ${Math.round(recorder.longestGapMs)} ms`,
  );
  console.log(`config epoch at the end ${epoch}; violations ${violations.length}`);
  for (const text of violations.slice(0, 50)) console.log(`VIOLATION ${text}`);
}

async function soak() {
  for (const node of nodes) node.start();
  await untilStarted();
  run(process.execPath, [
    path.join(root, 'bin/trib'),
    'create',
    '--yes',
    '--replicas',
    '1',
    ...nodes.map((node) => node.address),
  ]);
  await untilHealed(nodes, HEAL_PATIENCE_MS);
  const recorder = new Recorder(nodes.map(({ host, port }) => ({ host, port })));
  try {
    await recorder.progress(100, HEAL_PATIENCE_MS);
    const endMs = performance.now() + Number(values.minutes) * 60_000;
    while (performance.now() < endMs) await oneFault(recorder);
    for (const { key } of await recorder.checkAll()) violations.push(`missing at the end: ${key}`);
    const info = await nodes[0].ask('CLUSTER', 'INFO');
    report(recorder, Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1]));
  } finally {
    recorder.close();
  }
}

process.once('SIGINT', () => {
  for (const node of nodes) node.signal('SIGKILL');
  network.remove();
  process.exit(130);
});

let failed = false;
try {
  await soak();
} catch (error) {
  failed = true;
  console.error(error);
}
failed ||= violations.length > 0;
network.heal();
for (const node of nodes) node.signal('SIGCONT');
await Promise.all(nodes.map((node) => node.end('SIGKILL')));
network.remove();
if (failed) console.error(`Seed ${values.seed}. Logs and data of the nodes: ${dir}`);
else rmSync(dir, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
