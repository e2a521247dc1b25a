/** Wires the cluster bus to the rest of the server. */

import path from 'node:path';
import { SLOT_COUNT } from '../base/crc16.js';
import { ClusterIo, type ClusterSettings } from '../cluster/io/clusterIo.js';
import type { ClusterPort } from '../commands/clusterPort.js';
import type { ServerPort } from '../commands/context.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import { ArgVector } from '../resp/argVector.js';
import type { Clients } from './clients.js';
import type { Replication } from './replication.js';
import { SlotDropper } from './slotDropper.js';
import type { SlotMoves } from './slotMoves.js';

const BUS_PORT_OFFSET = 10000;
/** What others are told of us. */
const ANNOUNCED = [
  'cluster-announce-ip',
  'cluster-announce-hostname',
  'cluster-announce-port',
  'cluster-announce-bus-port',
  'cluster-replica-no-failover',
] as const;

/** What the cluster needs of its server. */
export interface ClusterOwner extends ServerPort {
  readonly executor: Executor;
  readonly clients: Clients;
  readonly replication: Replication;
  readonly slotMoves: SlotMoves;
  /** A promise can no longer be kept: the server ends. */
  fatal(text: string): void;
}

export interface RunningCluster {
  readonly port: ClusterPort;
  readonly dropper: SlotDropper;
  stop(): Promise<void>;
}

/** Loads nodes.conf and starts the bus. */
export async function startCluster(server: ClusterOwner): Promise<RunningCluster | { readonly error: string }> {
  const { values } = server.config;
  const busPort = values['cluster-port'] === 0 ? values.port + BUS_PORT_OFFSET : values['cluster-port'];
  if (busPort > 65535) {
    return {
      error:
        'Redis port number too high for cluster mode with the default cluster port offset: ' +
        `the bus would need port ${busPort}. Use a client port of at most ${65535 - BUS_PORT_OFFSET}, or set cluster-port.`,
    };
  }
  const { executor, replication } = server;
  const db = server.store.databases[0];
  const dropper = new SlotDropper({
    db,
    executor,
    marks: server.slotMoves.marks,
    monotonicUs: () => server.clock.monotonicUs(),
    isServed: (slot) => isServed(server, slot),
    later: (callback) => setImmediate(callback),
  });
  const io = await ClusterIo.open({
    nodesConfPath: path.resolve(values.dir, values['cluster-config-file']),
    nodesConfName: values['cluster-config-file'],
    bindAddresses: values.bind,
    busPort,
    settings: settings(server.config, busPort),
    clock: server.clock,
    random: server.random,
    host: {
      countKeysInSlot: (slot) => db.slotKeyCount(slot),
      isDatabaseEmpty: () => db.size === 0,
      // A replica without data that is part of a history has none.
      replicationOffset: () => Math.max(0, replication.master?.offset ?? replication.offset),
      masterSilentMs: () => replication.masterSilentMs,
      masterLinkUp: () => replication.master?.state === 'connected',
      follow: (host, port) => replication.follow({ host, port }),
      unfollow: (flush) => unfollow(server, flush),
      pauseWrites: (forMs) => server.clients.holdWrites('failover', forMs),
      resumeWrites: () => server.clients.releaseWrites('failover'),
      log: (level, text) => server.log(level, text),
      stateChanged: () => undefined,
      dropSlots: (slots) => {
        dropper.drop(slots);
        // The marks are to be in the files when we end.
        setImmediate(() => replication.flush());
      },
      configurationChanged: () => {
        dropper.ownersChanged();
        dropShardChannels(server);
      },
      published: (channel, message, sharded) => {
        executor.pubsub.publish(channel, 0, channel.length, message, 0, message.length, sharded);
      },
      fatal: (text) => server.fatal(text),
    },
  });
  if ('error' in io) return io;
  replication.onProgress = () => io.replicated();
  for (const name of ANNOUNCED) server.config.onChange(name, () => io.configured());
  executor.afterIdle = () => io.catchUp();
  return { port: io, dropper, stop: () => io.close() };
}

/** We are a master now; after CLUSTER RESET an empty one. */
function unfollow({ replication, executor, store, slotMoves }: ClusterOwner, flush: boolean): void {
  replication.promote();
  if (!flush) {
    slotMoves.settleCopiesSoon();
    return;
  }
  executor.flushed(undefined);
  store.clear();
  executor.propagation.feed(0, ArgVector.from(['FLUSHALL']));
}

/** What the core reads of the configuration, at the moment it needs it. */
function settings({ values }: Config, busPort: number): ClusterSettings {
  return {
    get nodeTimeoutMs() {
      return values['cluster-node-timeout'];
    },
    get requireFullCoverage() {
      return values['cluster-require-full-coverage'];
    },
    get allowReplicaMigration() {
      return values['cluster-allow-replica-migration'];
    },
    get replicaNoFailover() {
      return values['cluster-replica-no-failover'];
    },
    get replicaValidityFactor() {
      return values['cluster-replica-validity-factor'];
    },
    get pingReplicaPeriodMs() {
      return values['repl-ping-replica-period'] * 1000;
    },
    get migrationBarrier() {
      return values['cluster-migration-barrier'];
    },
    get announceIp() {
      return values['cluster-announce-ip'];
    },
    get announceHostname() {
      return values['cluster-announce-hostname'];
    },
    get announcedPort() {
      return values['cluster-announce-port'] === 0 ? values.port : values['cluster-announce-port'];
    },
    announcedPlainPort: 0,
    get announcedBusPort() {
      return values['cluster-announce-bus-port'] === 0 ? busPort : values['cluster-announce-bus-port'];
    },
    get linkSendBufferLimitBytes() {
      return values['cluster-link-sendbuf-limit'];
    },
  };
}

/**
 * After loading: keys may lie in slots that nodes.conf does not give to us (it was lost, or the slots moved while we were
 * down). Slots that nobody serves are ours when we are alone. In a cluster whoever serves them may only not have told us
 * yet, and a claim of ours could take them away, with all that was written since (Redis makes it): these wait. The others
 * are opened as importing, so that no key is lost and the operator sees them.
 */
export function claimLoadedSlots(server: ClusterOwner, cluster: ClusterPort): void {
  // A replica's keys are its master's to look after.
  if (!cluster.core.myself.isMaster) return;
  const copies = new Set(server.slotMoves.settleCopies());
  const db = server.store.databases[0];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (db.slotKeyCount(slot) === 0 || cluster.core.isMine(slot) || copies.has(slot)) continue;
    const owner = cluster.core.slotOwner(slot);
    if (owner === undefined && cluster.core.state.nodes.size > 1) {
      server.log('warning', `I have keys for unassigned slot ${slot}. Others may serve it, so I keep them and wait.`);
    } else if (owner === undefined) {
      server.log('warning', `I have keys for unassigned slot ${slot}. Taking responsibility for it.`);
      cluster.admin({ kind: 'addSlots', slots: [String(slot)] });
    } else if (cluster.core.importingFrom(slot) === undefined) {
      server.log(
        'warning',
        `I have keys for slot ${slot}, but it is assigned to ${owner.id}. Setting it to importing state.`,
      );
      cluster.admin({ kind: 'setSlot', args: [String(slot), 'importing', owner.id] });
    }
  }
}

function isServed({ cluster, slotMoves }: ClusterOwner, slot: number): boolean {
  if (cluster === undefined) return false;
  return cluster.core.isMine(slot) || cluster.core.importingFrom(slot) !== undefined || slotMoves.isImporting(slot);
}

/** Ends the subscriptions to shard channels that other shards serve now. */
function dropShardChannels({ cluster, executor }: ClusterOwner): void {
  if (cluster === undefined) return;
  const { core } = cluster;
  const shard = core.myself.master ?? core.myself;
  executor.pubsub.dropShardChannels((slot) => core.slotOwner(slot) === shard);
}
