import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.js';
import { keySlot } from '../../src/base/crc16.js';
import { Prng } from '../../src/base/prng.js';
import type { ClusterNode } from '../../src/cluster/core/node.js';
import type { ClusterPort } from '../../src/commands/clusterPort.js';
import type { ResolvedCommand } from '../../src/commands/context.js';
import { CommandTable, findSubcommand } from '../../src/exec/commandTable.js';
import { isPlainlyHere, newKeySurvey, redirection } from '../../src/exec/redirect.js';
import type { Request } from '../../src/exec/request.js';
import type { Session } from '../../src/exec/session.js';
import { ArgVector } from '../../src/resp/argVector.js';
import { ALL_COMMANDS } from '../../src/server/commandList.js';
import { Store } from '../../src/store/store.js';
import { REQUESTS } from '../commands/requests.js';

const table = new CommandTable(ALL_COMMANDS);
const store = new Store({ databases: 1, clusterMode: true, random: new Prng(1) });
const owner = { ip: '10.0.0.1', port: 1 } as ClusterNode;
const other = { ip: '10.0.0.2', port: 2 } as ClusterNode;

/** What a node knows of a few slots; it owns all others, and they stay. */
interface Slots {
  readonly stateOk: boolean;
  readonly owners: ReadonlyMap<number, ClusterNode | undefined>;
  readonly leaving: ReadonlySet<number>;
  readonly coming: ReadonlySet<number>;
}

/** `master`: whom the node replicates; a replica owns nothing and has no open slots. */
function clusterOf({ stateOk, owners, leaving, coming }: Slots, master?: ClusterNode): ClusterPort {
  const myself = master === undefined ? owner : ({ ...owner, master } as ClusterNode);
  const slotOwner = (slot: number): ClusterNode | undefined => (owners.has(slot) ? owners.get(slot) : owner);
  const core = {
    stateOk,
    myself,
    slotOwner,
    isMine: (slot: number) => slotOwner(slot) === myself,
    migratingTo: (slot: number) => (leaving.has(slot) ? other : undefined),
    importingFrom: (slot: number) => (coming.has(slot) ? other : undefined),
  };
  return { core } as unknown as ClusterPort;
}

function parse(line: string): { command: ResolvedCommand; args: ArgVector } | undefined {
  const args = ArgVector.from(line.split(' '));
  const container = table.lookup(args.buf, args.start[0], args.end[0]);
  const command = (container?.subcommands && args.argc > 1 && findSubcommand(container, args)) || container;
  if (command === undefined) return undefined;
  const { arity } = command.declaration;
  return (arity >= 0 ? args.argc !== arity : args.argc < -arity) ? undefined : { command, args };
}

/** Every command, with as many arguments as it needs and a few more; then those that are peculiar. */
function requests(): { command: ResolvedCommand; args: ArgVector }[] {
  const lines = [...REQUESTS];
  for (const command of table.all()) {
    for (const each of [command, ...(command.subcommands?.values() ?? [])]) {
      const words = each.fullName.split('|');
      const least = Math.abs(each.declaration.arity);
      for (let more = 0; more < 4; more++) {
        const args = Array.from({ length: Math.max(0, least - words.length) + more }, (_, i) => 'abc'[i % 3]);
        lines.push([...words, ...args].join(' '));
      }
    }
  }
  return lines.map(parse).filter((request) => request !== undefined);
}

function sessionWith(readOnlyMode: boolean): Session {
  return { inMulti: false, queue: [], asking: false, readOnlyMode } as unknown as Session;
}

function refusal(
  cluster: ClusterPort,
  session: Session,
  command: ResolvedCommand,
  args: ArgVector,
): string | undefined {
  const config = { values: { 'cluster-preferred-endpoint-type': 'ip' } };
  const server = { cluster, commands: table, store, config, clock: new ManualClock(0) };
  return redirection({
    session,
    server,
    command,
    args,
    keySurvey: newKeySurvey(),
    keyIndexes: [],
  } as unknown as Request);
}

const slots = ['a', 'b', 'c', 'd'].map((key) => keySlot(Buffer.from(key), 0, 1));

describe('the short way of a request in cluster mode', () => {
  it.each([1, 2, 3])('lets nothing through that would be sent elsewhere (seed %i)', (seed) => {
    const random = new Prng(seed);
    const chosen = (): number[] => slots.filter(() => random.nextFloat() < 0.3);
    const short = new Set<string>();
    for (let round = 0; round < 30; round++) {
      const isReplica = random.nextFloat() < 0.3;
      const session = sessionWith(random.nextFloat() < 0.5);
      const slotsSeen: Slots = {
        stateOk: random.nextFloat() < 0.9,
        owners: new Map(chosen().map((slot) => [slot, random.nextFloat() < 0.5 ? other : undefined])),
        leaving: new Set(isReplica ? [] : chosen()),
        coming: new Set(isReplica ? [] : chosen()),
      };
      const cluster = clusterOf(slotsSeen, isReplica ? owner : undefined);
      for (const { command, args } of requests()) {
        if (!isPlainlyHere(cluster, session, command, args)) continue;
        short.add(command.fullName);
        const line = Array.from({ length: args.argc }, (_, i) => args.text(i)).join(' ');
        expect({ line, error: refusal(cluster, session, command, args) }).toEqual({ line, error: undefined });
      }
    }
    expect(short.size).toBeGreaterThan(150);
  });

  const all: Slots = { stateOk: true, owners: new Map(), leaving: new Set(), coming: new Set() };

  function open(cluster: ClusterPort, readOnlyMode: boolean, lines: readonly string[]): string[] {
    return lines.filter((line) => {
      const request = parse(line);
      return request !== undefined && isPlainlyHere(cluster, sessionWith(readOnlyMode), request.command, request.args);
    });
  }

  it('is open to what is plainly ours', () => {
    const plain = ['get a', 'set a 1 ex 5', 'incr a', 'mset {a}1 x {a}2 y', 'del {a}1 {a}2', 'ping'];
    expect(open(clusterOf(all), false, plain)).toEqual(plain);
    expect(open(clusterOf(all), false, ['mset a x b y', 'del a b', 'eval s 1 a', 'spublish a m'])).toEqual([]);
  });

  it("is open on a replica to what READONLY clients read of the master's", () => {
    const replica = clusterOf(all, owner);
    expect(open(replica, true, ['get a', 'mget {a}1 {a}2', 'set a 1', 'ping'])).toEqual([
      'get a',
      'mget {a}1 {a}2',
      'ping',
    ]);
    expect(open(replica, false, ['get a', 'set a 1', 'ping'])).toEqual(['ping']);
  });
});
