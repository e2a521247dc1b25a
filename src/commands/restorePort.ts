import type { LoadedValue } from '../persistence/format/rdbLoaded.js';
import type { Database } from '../store/database.js';

/** The value of a large payload, which was read while its client waited. */
export interface PreparedValue {
  /** Nobody has changed the payload, and its version can be read. */
  readonly isIntact: boolean;
  /** Undefined when the payload holds no value. Once only. */
  take(): LoadedValue | undefined;
}

/** RESTORE of payloads that are too large to be read while everybody waits. */
export interface RestorePort {
  /** Set while a command is run again whose payload has been read. */
  readonly prepared: PreparedValue | undefined;
  /**
   * Has the payload, the argument at `payloadAt` of the command that runs, read for a key of `db`. The client waits; the command,
   * which must write no reply and do nothing more, is run again from its start when that is done.
   */
  prepare(db: Database, payloadAt: number, sanitizing: boolean): void;
}
