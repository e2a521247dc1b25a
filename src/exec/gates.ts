/**
 * The checks between a request and its command, in Redis's order. Each gate is named and answers an error reply, or
 * nothing to let the request through.
 */
import {
  DENYOOM,
  LOADING,
  MAY_REPLICATE,
  NO_ASYNC_LOADING,
  NO_AUTH,
  NO_MULTI,
  PROTECTED,
  READONLY,
  STALE,
  WRITE,
} from '../commands/command.js';
import { isLocalAddress } from '../commands/connection/clientAttributes.js';
import type { ResolvedCommand } from '../commands/context.js';
import * as errors from '../resp/errors.js';
import { ROOM } from './eviction.js';
import { redirection } from './redirect.js';
import type { Request } from './request.js';
import type { Session } from './session.js';

type Gate = (request: Request) => string | undefined;

function debugAllowed({ server, session, command }: Request): string | undefined {
  if ((command.flags & PROTECTED) === 0) return undefined;
  const name = (command.parent ?? command).fullName;
  const setting = server.config.values['enable-debug-command'];
  if (setting === 'yes' || (setting === 'local' && isLocalAddress(session.peerAddress))) return undefined;
  return (
    `ERR ${name.toUpperCase()} command not allowed. If the enable-${name}-command option is set to "local", ` +
    'you can run it from a local connection, otherwise you need to set this option in the configuration file, and ' +
    'then restart the server.'
  );
}

function authenticated({ session, command }: Request): string | undefined {
  if (session.authenticated || (command.flags & NO_AUTH) !== 0) return undefined;
  return errors.NOAUTH;
}

function allowedInMulti({ session, command }: Request): string | undefined {
  // MIGRATE waits for another server, and a transaction cannot.
  if (!session.inMulti || ((command.flags & NO_MULTI) === 0 && command.fullName !== 'migrate')) return undefined;
  return 'ERR Command not allowed inside a transaction';
}

function slotIsHere(request: Request): string | undefined {
  return request.server.cluster === undefined ? undefined : redirection(request);
}

/** Makes room first. Where there is none, a transaction may only end: what it queues takes memory as well. */
function memoryLeft({ eviction, session, command }: Request): string | undefined {
  if (!eviction.limited || eviction.makeRoom() === ROOM) return undefined;
  if (command.fullName === 'exec') return (queuedFlags(session) & DENYOOM) === 0 ? undefined : errors.OOM;
  const denied = session.inMulti ? !ENDS_MULTI.has(command.fullName) : (command.flags & DENYOOM) !== 0;
  return denied ? errors.OOM : undefined;
}

const ENDS_MULTI: ReadonlySet<string> = new Set(['discard', 'quit', 'reset']);

function diskWorks({ writeProblem, session, command }: Request): string | undefined {
  const problem = writeProblem();
  if (problem === undefined) return undefined;
  return writes(session, command) || command.fullName === 'ping' ? problem : undefined;
}

function enoughReplicas({ replication, session, command }: Request): string | undefined {
  return replication.fewReplicas && writes(session, command) ? errors.NOREPLICAS : undefined;
}

function mayWriteHere({ replication, session, command }: Request): string | undefined {
  return replication.readOnly && writes(session, command) ? errors.READONLY : undefined;
}

/** Without its master a replica may only answer what does not depend on the data. */
function dataIsFresh({ replication, session, command }: Request): string | undefined {
  if (!replication.masterDown) return undefined;
  const stale = command.fullName === 'exec' ? commonFlags(session, STALE) : command.flags & STALE;
  return stale !== 0 ? undefined : errors.MASTERDOWN;
}

/** In RESP2 a subscriber cannot tell replies from messages: it may only subscribe, and say goodbye. */
function subscriberMay({ session, command }: Request): string | undefined {
  if (!session.subscribed || session.protocol !== 2 || SUBSCRIBER_COMMANDS.has(command.fullName)) return undefined;
  return (
    `ERR Can't execute '${command.fullName}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are ` +
    'allowed in this context'
  );
}

const SUBSCRIBER_COMMANDS: ReadonlySet<string> = new Set([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
  'ping',
  'quit',
  'reset',
]);

/** Replicas leave the data alone, and monitors are a kind of replica to Redis. */
function replicaMay({ session, command }: Request): string | undefined {
  if (!session.monitoring && !session.isReplica) return undefined;
  const flags = command.fullName === 'exec' ? queuedFlags(session) : command.flags;
  return (flags & (READONLY | WRITE | MAY_REPLICATE)) === 0
    ? undefined
    : "ERR Replica can't interact with the keyspace";
}

function dataLoaded({ loading, loadingAside, command }: Request): string | undefined {
  if (loadingAside && (command.flags & NO_ASYNC_LOADING) !== 0) return errors.LOADING;
  return loading && (command.flags & LOADING) === 0 ? errors.LOADING : undefined;
}

/** In the order in which Redis 7 asks. */
const GATES: readonly Gate[] = [
  debugAllowed,
  authenticated,
  allowedInMulti,
  slotIsHere,
  memoryLeft,
  diskWorks,
  enoughReplicas,
  mayWriteHere,
  subscriberMay,
  dataIsFresh,
  dataLoaded,
  replicaMay,
];

/** The error reply of the first gate that does not let the request through. */
export function closedGate(request: Request): string | undefined {
  for (const gate of GATES) {
    const error = gate(request);
    if (error !== undefined) return error;
  }
  return undefined;
}

function writes(session: Session, command: ResolvedCommand): boolean {
  return ((command.fullName === 'exec' ? queuedFlags(session) : command.flags) & WRITE) !== 0;
}

/** `flags` as far as each queued command has them. */
function commonFlags(session: Session, flags: number): number {
  for (const queued of session.queue) flags &= queued.command.flags;
  return flags;
}

function queuedFlags(session: Session): number {
  let flags = 0;
  for (const queued of session.queue) flags |= queued.command.flags;
  return flags;
}

/** Commands that CLIENT PAUSE WRITE holds back: those that write or may. */
export function isWriting(session: Session, command: ResolvedCommand): boolean {
  const flags = command.fullName === 'exec' ? queuedFlags(session) : command.flags;
  return (flags & (WRITE | MAY_REPLICATE)) !== 0;
}
