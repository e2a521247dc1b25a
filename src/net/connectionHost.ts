import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import type { ArgVector } from '../resp/argVector.js';
import type { Outbox } from './outbox.js';
import type { OutputLimit } from './outputLimit.js';

/** What a connection needs of the server around it. */
export interface ConnectionHost {
  readonly executor: Executor;
  readonly outbox: Outbox;
  /** Scratch arguments shared by all connections. */
  readonly args: ArgVector;
  maxBulkBytes(): number;
  maxQueryBufferBytes(): number;
  maxOutputBytes(session: Session): OutputLimit;
  /** Whether so many bytes, none of which has left, are more than the client may have waiting. */
  isTooMuchAtOnce(session: Session, bytes: number): boolean;
  noteProtocolError(session: Session, text: string, sample: Uint8Array): void;
  /** Ends a client that has so many bytes waiting. */
  endForOutput(session: Session, bytes: number): void;
  nowMs(): number;
  log(level: 'verbose' | 'warning', text: string): void;
  /** A connection takes more memory than before. */
  grown(): void;
  closed(session: Session): void;
}
