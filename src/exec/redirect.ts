/**
 * Cluster routing: whether the keys of a request live in a slot that this node serves, and where to go if not.
 * Rules: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ (redirection and resharding).
 */
import { equalBytes } from '../base/bytes.js';
import { keySlot } from '../base/crc16.js';
import type { ClusterNode } from '../cluster/core/node.js';
import { type ClusterPort, preferredHost } from '../commands/clusterPort.js';
import { ASKING as ASKING_FLAG, MOVABLEKEYS, PUBSUB, WRITE } from '../commands/command.js';
import type { ResolvedCommand } from '../commands/context.js';
import type { ArgVector } from '../resp/argVector.js';
import * as errors from '../resp/errors.js';
import type { KeySurvey, Request } from './request.js';
import type { Session } from './session.js';

const UNBOUND = 'CLUSTERDOWN Hash slot not served';
const DOWN = 'CLUSTERDOWN The cluster is down';
const DOWN_READ_ONLY = 'CLUSTERDOWN The cluster is down and only accepts read commands';

/**
 * True for nearly every request in cluster mode: it has no keys, or all of them are in one slot that is ours and stays here, or that
 * a client of our master's replica may read. False says nothing yet: then {@link redirection} looks closer.
 */
export function isPlainlyHere(
  { core }: ClusterPort,
  session: Session,
  command: ResolvedCommand,
  args: ArgVector,
): boolean {
  const { flags, firstKey, lastKey, keyStep } = command;
  if ((flags & MOVABLEKEYS) !== 0) return false;
  if (firstKey === 0) return true;
  if ((flags & PUBSUB) !== 0 || !core.stateOk) return false;
  const { buf, start, end, argc } = args;
  const slot = keySlot(buf, start[firstKey], end[firstKey]);
  const last = lastKey < 0 ? argc + lastKey : lastKey;
  for (let at = firstKey + keyStep; at <= last; at += keyStep) {
    if (keySlot(buf, start[at], end[at]) !== slot) return false;
  }
  if (core.isMine(slot)) return core.migratingTo(slot) === undefined;
  const { master } = core.myself;
  return session.readOnlyMode && (flags & WRITE) === 0 && master !== undefined && core.slotOwner(slot) === master;
}

/** The error that sends the client elsewhere, or undefined when this node may serve the request. */
export function redirection(request: Request): string | undefined {
  const { server, session, command, args } = request;
  const { cluster } = server;
  if (cluster === undefined) return undefined;
  const survey = request.keySurvey;
  resetSurvey(survey);
  if (command.fullName === 'exec') {
    if (!session.inMulti) return undefined;
    for (const queued of session.queue) surveyKeys(request, survey, queued.command, queued.args);
  } else {
    surveyKeys(request, survey, command, args);
  }
  if (survey.keyCount === 0) return undefined;
  return route(request, cluster, survey);
}

/** The error for a client that waits for keys which this node serves no more, or undefined while it does. */
export function departure(request: Request): string | undefined {
  const error = redirection(request);
  if (error === undefined) return undefined;
  // Who waits hears of the cluster first, who asks of the slot.
  if (error === UNBOUND) return request.server.cluster?.core.stateOk ? UNBOUND : DOWN;
  if (error.startsWith('CLUSTERDOWN')) return error;
  // A slot that is on its way to us may be waited for already.
  const importing = request.server.cluster?.core.importingFrom(request.keySurvey.slot) !== undefined;
  return error.startsWith('MOVED') && !importing ? error : undefined;
}

export function newKeySurvey(): KeySurvey {
  return {
    slot: -1,
    keyCount: 0,
    multipleKeys: false,
    missing: 0,
    existing: 0,
    writes: false,
    crossSlot: false,
    channels: false,
    firstBuf: new Uint8Array(0),
    firstStart: 0,
    firstEnd: 0,
  };
}

function resetSurvey(survey: KeySurvey): void {
  survey.slot = -1;
  survey.keyCount = 0;
  survey.multipleKeys = false;
  survey.missing = 0;
  survey.existing = 0;
  survey.writes = false;
  survey.crossSlot = false;
  survey.channels = false;
}

function surveyKeys(request: Request, survey: KeySurvey, command: ResolvedCommand, args: ArgVector): void {
  if ((command.flags & WRITE) !== 0) survey.writes = true;
  if ((command.flags & PUBSUB) !== 0 && command.firstKey !== 0) return surveyChannels(survey, command, args);
  const indexes = request.keyIndexes;
  indexes.length = 0;
  if (!request.server.commands.keyIndexes(command, args, indexes)) return;
  for (let n = 0; n < indexes.length; n++) surveyKey(request, survey, args, indexes[n]);
}

/** Shard channels have slots as keys have; but they are no keys, and no slot has to have them. */
function surveyChannels(survey: KeySurvey, { firstKey, lastKey }: ResolvedCommand, args: ArgVector): void {
  const last = lastKey < 0 ? args.argc + lastKey : lastKey;
  for (let at = firstKey; at <= last; at++) {
    survey.channels = true;
    noteSlot(survey, args, at);
  }
}

function surveyKey(request: Request, survey: KeySurvey, args: ArgVector, at: number): void {
  noteSlot(survey, args, at);
  const core = request.server.cluster?.core;
  if (core?.migratingTo(survey.slot) === undefined && core?.importingFrom(survey.slot) === undefined) return;
  const [db] = request.server.store.databases;
  const ref = db.find(args.buf, args.start[at], args.end[at]);
  if (ref === 0 || db.isDue(ref, request.nowMs)) survey.missing++;
  else survey.existing++;
}

function noteSlot(survey: KeySurvey, args: ArgVector, at: number): void {
  const start = args.start[at];
  const end = args.end[at];
  const slot = keySlot(args.buf, start, end);
  survey.keyCount++;
  if (survey.slot < 0) {
    survey.slot = slot;
    survey.firstBuf = args.buf;
    survey.firstStart = start;
    survey.firstEnd = end;
  } else {
    const sameKey =
      end - start === survey.firstEnd - survey.firstStart &&
      equalBytes(args.buf, start, end, survey.firstBuf, survey.firstStart);
    if (!sameKey) survey.multipleKeys = true;
    if (slot !== survey.slot) survey.crossSlot = true;
  }
}

function route(request: Request, cluster: ClusterPort, survey: KeySurvey): string | undefined {
  const { session, command } = request;
  const { core } = cluster;
  const { slot } = survey;
  const owner = core.slotOwner(slot);
  if (owner === undefined) return UNBOUND;
  if (survey.crossSlot) return errors.CROSSSLOT;
  if (session.importing?.has(slot)) return undefined;
  const { values } = request.server.config;
  if (!core.stateOk && survey.channels) {
    if (!values['cluster-allow-pubsubshard-when-down']) return DOWN;
  } else if (!core.stateOk) {
    if (!values['cluster-allow-reads-when-down']) return DOWN;
    if (survey.writes) return DOWN_READ_ONLY;
  }
  const mine = owner === core.myself;
  const target = mine ? core.migratingTo(slot) : undefined;
  const importing = target === undefined && core.importingFrom(slot) !== undefined;
  if ((target !== undefined || importing) && command.fullName === 'migrate') return undefined;
  if (target !== undefined && survey.missing > 0) {
    if (survey.existing > 0) return errors.TRYAGAIN;
    return `ASK ${slot} ${endpoint(request, target)}`;
  }
  if (importing && (session.asking || (command.flags & ASKING_FLAG) !== 0)) {
    return survey.multipleKeys && survey.missing > 0 ? errors.TRYAGAIN : undefined;
  }
  if (mine) return undefined;
  const mayRead = session.readOnlyMode || survey.channels;
  if (core.myself.master === owner && mayRead && !survey.writes) return undefined;
  return `MOVED ${slot} ${endpoint(request, owner)}`;
}

/** host:port as cluster-preferred-endpoint-type wants it; an unknown endpoint leaves the host empty. */
function endpoint(request: Request, node: ClusterNode): string {
  return `${preferredHost(node, request.server.config.values['cluster-preferred-endpoint-type'])}:${node.port}`;
}
