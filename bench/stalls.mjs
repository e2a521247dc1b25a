/**
 * How long others wait while the server does something large: one client sends PING every millisecond, and the longest round trip is
 * what a step costs everybody else. Both servers in turn; the median over the rounds.
 *
 *   node bench/stalls.mjs [--keys 5000000] [--rounds 3] [--only load,flush,expire,large] [--ours redis] [--pin 0,1]
 *
 * Columns: longest PING (ms), and how long the step itself took (ms). The steps of `large` use one value of --large-mib (512).
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { load } from './load.mjs';
import { ServerPool } from './servers.mjs';

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '5000000' },
    expiring: { type: 'string', default: '1000000' },
    'large-mib': { type: 'string', default: '512' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: 'load,flush,expire,large' },
    ours: { type: 'string', default: fileURLToPath(new URL('../bin/shoal-server', import.meta.url)) },
    'ours-args': { type: 'string', default: '' },
    'only-ours': { type: 'boolean', default: false },
    pin: { type: 'string', default: '0,1' },
  },
});
const KEYS = Number(options.keys);
const EXPIRING = Number(options.expiring);
const LARGE_BYTES = Number(options['large-mib']) << 20;
const [serverCore, clientCore] = options.pin === 'none' ? [] : options.pin.split(',');
/** The first second of a new process is the compiler's: batches of 64 take up to 8 ms then. */
const WARM_UP_KEYS = 500_000;
const PING = Buffer.from('PING\r\n');

/** A client that shows its replies as they come and can stop reading. */
class Client {
  /** @param {number} port */
  constructor(port) {
    this.received = 0;
    this.tail = '';
    this.waiting = () => {};
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => {
      this.received += chunk.length;
      if (this.received < 1 << 20) this.tail += chunk.toString('latin1');
      this.waiting();
    });
    this.socket.on('error', () => {});
  }

  /** Sends, and waits until `bytes` of reply have come. @param {Buffer | string} request */
  async call(request, bytes = 4) {
    this.received = 0;
    this.tail = '';
    this.socket.write(request);
    await new Promise((resolve) => {
      this.waiting = () => {
        const done = bytes > 4 ? this.received >= bytes : this.tail.endsWith('\r\n');
        if (done) resolve(undefined);
      };
    });
    if (this.tail.startsWith('-')) throw new Error(this.tail.trim());
    return this.tail;
  }
}

/** Sends PING every millisecond and remembers the longest answer. */
class Probe {
  /** @param {number} port */
  constructor(port) {
    this.longestMs = 0;
    this.sentAt = 0;
    this.answered = true;
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', () => {
      this.longestMs = Math.max(this.longestMs, performance.now() - this.sentAt);
      this.answered = true;
      setTimeout(() => this.#send(), 1);
    });
    this.socket.on('error', () => {});
    this.#send();
  }

  #send() {
    this.answered = false;
    this.sentAt = performance.now();
    this.socket.write(PING);
  }

  /** @param {() => Promise<unknown>} step */
  async during(step) {
    this.longestMs = 0;
    const startedAt = performance.now();
    await step();
    const tookMs = performance.now() - startedAt;
    // A reply can come before the work that it leaves behind.
    await sleep(300);
    if (!this.answered) this.longestMs = Math.max(this.longestMs, performance.now() - this.sentAt);
    return { longestMs: this.longestMs, tookMs };
  }
}

/** @param {string[]} words */
const command = (...words) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

/**
 * @param {import('./servers.mjs').RunningServer} server
 * @param {(name: string, figures: { longestMs: number, tookMs: number }) => void} report
 */
async function measure(server, report) {
  const parts = new Set(options.only.split(','));
  const probe = new Probe(server.port);
  const client = new Client(server.port);
  await load({ port: server.port, op: 'set', count: WARM_UP_KEYS, size: 16 }, clientCore);
  await client.call(command('FLUSHALL'));
  /** @param {string} name @param {() => Promise<unknown>} step */
  const during = async (name, step) => report(name, await probe.during(step));
  /** The loader's own longest batch of 64 as well: nothing shares its core but the PINGs. @param {string} name @param {any} job */
  const loading = async (name, job) => {
    let longestMs = 0;
    const startedAt = performance.now();
    await during(name, async () => {
      ({ longestMs } = await load(job, clientCore));
    });
    report(`  a batch of 64 (${name})`, { longestMs, tookMs: performance.now() - startedAt });
  };
  if (parts.has('load') || parts.has('flush')) {
    await loading('load keys', { port: server.port, op: 'set', count: KEYS, size: 16 });
    await loading('delete 80 % of them', { port: server.port, op: 'del', count: KEYS, keepEvery: 5 });
    await load({ port: server.port, op: 'set', count: KEYS, size: 100 }, clientCore);
    await during('FLUSHALL ASYNC', () => client.call(command('FLUSHALL', 'ASYNC')));
    await sleep(2000);
  }
  if (parts.has('expire')) {
    const pxAt = Date.now() + 6000 + EXPIRING / 100;
    await load({ port: server.port, op: 'set', count: EXPIRING, size: 16, pxAt }, clientCore);
    await sleep(Math.max(0, pxAt - Date.now()));
    let longestMs = 0;
    const startedAt = performance.now();
    const seconds = 4 + EXPIRING / 500_000;
    const getting = load({ port: server.port, op: 'probe', seconds }, clientCore);
    await during('expire at once', async () => {
      while ((await client.call(command('DBSIZE'))) !== ':0\r\n') await sleep(50);
    });
    const tookMs = performance.now() - startedAt;
    ({ longestMs } = await getting);
    report('  a GET meanwhile', { longestMs, tookMs });
  }
  if (parts.has('large')) await measureLarge(server.port, client, during);
  probe.socket.destroy();
  client.socket.destroy();
}

/**
 * @param {number} port
 * @param {Client} client
 * @param {(name: string, step: () => Promise<unknown>) => Promise<void>} during
 */
async function measureLarge(port, client, during) {
  const body = Buffer.alloc(LARGE_BYTES + 2, 'x');
  body.write('\r\n', LARGE_BYTES);
  const header = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${LARGE_BYTES}\r\n`;
  const set = () => {
    client.socket.write(header);
    return client.call(body);
  };
  const replyBytes = `$${LARGE_BYTES}\r\n`.length + body.length;
  await during('SET of a large value', set);
  await during('SET over a large value', set);
  await during('GET by a fast reader', () => client.call(command('GET', 'k'), replyBytes));
  const slow = new Client(port);
  await during('GET by a slow reader', async () => {
    slow.socket.write(command('GET', 'k'));
    slow.socket.pause();
    await sleep(500);
  });
  await during('SETRANGE while it reads', () => client.call(command('SETRANGE', 'k', '5', 'y')));
  await during('slow reader hangs up', async () => slow.socket.destroy());
  await during('DEL of a large value', () => client.call(command('DEL', 'k')));
  await sleep(500);
  await during('SETRANGE to a large value', () =>
    client.call(command('SETRANGE', 'k', String(LARGE_BYTES - 10), 'end')),
  );
  await during('overwrite by a small one', () => client.call(command('SET', 'k', 'v')));
  await sleep(500);
  const piece = 'x'.repeat(1 << 20);
  await during('APPEND of 1 MiB, many', async () => {
    for (let bytes = 2 << 20; bytes < LARGE_BYTES; bytes += 1 << 20) await client.call(command('APPEND', 'k', piece));
  });
  await during('FLUSHALL of a large value', () => client.call(command('FLUSHALL')));
}

const sides = [
  {
    name: 'ours',
    command: options.ours === 'redis' ? ['redis-server'] : [process.execPath, options.ours],
    args: options['ours-args'],
  },
  { name: 'redis', command: ['redis-server'], args: '' },
];
if (options['only-ours']) sides.pop();
const pool = new ServerPool({ cores: serverCore, tmp: undefined });
process.once('SIGINT', () => {
  pool.killAllNow();
  process.exit(130);
});

/** @type {Map<string, Record<string, { longestMs: number, tookMs: number }[]>>} */
const rows = new Map();
try {
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const side of sides) {
      const args = ['--save', '', '--appendonly', 'no', ...side.args.split(' ').filter((word) => word !== '')];
      const server = await pool.start(side, args);
      await measure(server, (name, figures) => {
        const row = rows.get(name) ?? { ours: [], redis: [] };
        row[side.name].push(figures);
        rows.set(name, row);
      });
      await server.stop();
    }
  }
} finally {
  await pool.stopAll();
}

/** @param {number[]} numbers */
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
console.log(`${''.padEnd(28)} longest PING: ours    redis     step took: ours    redis  (ms)`);
for (const [name, { ours, redis }] of rows) {
  const cells = [ours, redis].map((rounds) =>
    median(rounds.map(({ longestMs }) => longestMs))
      .toFixed(1)
      .padStart(8),
  );
  const took = [ours, redis].map((rounds) =>
    median(rounds.map(({ tookMs }) => tookMs))
      .toFixed(0)
      .padStart(8),
  );
  console.log(`${name.padEnd(28)}         ${cells.join(' ')}            ${took.join(' ')}`);
}
