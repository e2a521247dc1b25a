import type { Database } from '../store/database.js';

export interface Credentials {
  /** Undefined for the default user. */
  readonly user: Uint8Array | undefined;
  readonly password: Uint8Array;
}

/** What MIGRATE was told. */
export interface MigrationRequest {
  readonly host: string;
  readonly port: string;
  readonly targetDb: string;
  /** For the connection, each piece that is sent and each answer. */
  readonly timeoutMs: number;
  /** The keys stay here as well. */
  readonly copy: boolean;
  /** They take the place of what the target has. */
  readonly replace: boolean;
  readonly credentials: Credentials | undefined;
  /** Those that are there. */
  readonly keys: readonly Uint8Array[];
}

export interface MigrationPort {
  /** Moves keys of `db`. The client whose command runs waits for it, and is answered when it is done. */
  start(db: Database, request: MigrationRequest): void;
  /** Connections to other servers that are kept for the next time. */
  readonly cachedSockets: number;
}
