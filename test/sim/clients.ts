/** Clients that write unique keys with unique values wherever the cluster tells them to, and note what was acknowledged. */
import { Asker, type Procedure, sleep, start, wait } from './connections.js';
import type { Reply } from './messages.js';
import type { Simulation } from './simulation.js';

const TIMEOUT_MS = 2000;
const MAX_REDIRECTIONS = 5;
const PAUSE_MS = 120;

export function startClient(sim: Simulation, number: number): void {
  const asker = new Asker(sim.network, sim.time, `10.1.0.${number}`);
  /** Where the slots are served, as far as the client has been told. */
  const map = new Map<number, string>();
  start(write(sim, asker, map, number));
}

function* write(sim: Simulation, asker: Asker, map: Map<number, string>, client: number): Procedure {
  const { random, hotSlots, ledger } = sim;
  for (let n = 0; !sim.isOver; n++) {
    const slot = hotSlots[random.below(hotSlots.length)];
    const key = `c${client}-${n}`;
    const value = `${key}-${'x'.repeat(random.below(10) === 0 ? 4000 : random.below(100))}`;
    ledger.attempt(slot, key, value, sim.time.nowMs);
    const ip = map.get(slot) ?? sim.nodes[random.below(sim.nodes.length)].ip;
    yield* send(asker, ip, { sim, map, slot, key, value });
    yield* wait(sleep(sim.time, random.below(PAUSE_MS)));
  }
}

interface Job {
  readonly sim: Simulation;
  readonly map: Map<number, string>;
  readonly slot: number;
  readonly key: string;
  readonly value: string;
}

function* send(asker: Asker, firstIp: string, { sim, map, slot, key, value }: Job): Procedure {
  let ip = firstIp;
  let asking = false;
  for (let i = 0; i < MAX_REDIRECTIONS; i++) {
    const reply: Reply | undefined = yield* wait(asker.ask(ip, { kind: 'set', slot, key, value, asking }, TIMEOUT_MS));
    const [word, to]: string[] = reply?.text.split(' ') ?? ['NONE'];
    if (word === 'OK') {
      sim.ledger.acknowledge(key);
      return;
    }
    if (word === 'MOVED') map.set(slot, to);
    else if (word !== 'ASK') {
      map.delete(slot);
      return;
    }
    asking = word === 'ASK';
    ip = to;
  }
}
