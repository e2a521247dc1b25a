import type { ResolvedCommand, ServerPort } from '../commands/context.js';
import type { ArgVector } from '../resp/argVector.js';
import type { Eviction } from './eviction.js';
import type { Session } from './session.js';

/** A request before the gates, and what they need of the executor. */
export interface Request {
  readonly session: Session;
  readonly command: ResolvedCommand;
  readonly args: ArgVector;
  readonly server: ServerPort;
  /** Data files are being read: only commands that may run meanwhile do. */
  readonly loading: boolean;
  readonly eviction: Eviction;
  /** The reason why writes must be refused (AOF or RDB errors). */
  readonly writeProblem: () => string | undefined;
  /** Scratch for routing. */
  readonly keySurvey: KeySurvey;
  readonly keyIndexes: number[];
}

/** What the keys of one request (all commands of an EXEC together) come to. */
export interface KeySurvey {
  slot: number;
  keyCount: number;
  multipleKeys: boolean;
  missing: number;
  existing: number;
  writes: boolean;
  crossSlot: boolean;
  /** Among them are shard channels. */
  channels: boolean;
  firstBuf: Uint8Array;
  firstStart: number;
  firstEnd: number;
}
