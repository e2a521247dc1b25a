/** What the link to a master needs of the server. */
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import type { History } from '../replication/core/history.js';
import type { StreamedData } from './masterData.js';

export interface MasterLinkHost {
  readonly executor: Executor;
  readonly config: Config;
  readonly history: History;
  /** Where this server listens. */
  readonly port: number;
  newClientId(): number;
  admit(session: Session): void;
  dismiss(session: Session): void;
  /** The state has changed: gates may open or close. */
  changed(): void;
  /** buf[from, to) of the stream was done. */
  applied(buf: Uint8Array, from: number, to: number): void;
  /** The data is about to be replaced by that of the master: nothing may go on from what was. */
  abandonHistory(): void;
  /** Loads the snapshot in place of all data. Answers why not; the data is then lost. */
  load(file: string): Promise<string | undefined>;
  /** Loads it as it comes. Answers why not. */
  loadStream(data: StreamedData): Promise<string | undefined>;
  /** The data is that of the master at this point. Answers the database that the stream goes on in. */
  adoptHistory(id: string, offset: number): number;
  /** The master goes on with our history under a new id. */
  renameHistory(id: string): void;
  /** The stream goes on from where it was. */
  wentOn(): void;
  /** How much of the stream up to this offset, which was applied, is on disk; undefined without an append-only file. */
  onDisk(offset: number): number | undefined;
  /** FAILOVER: PSYNC asks the other side to take over; answered when it has, or not. */
  readonly failingOver: boolean;
  failoverAnswered(accepted: boolean): void;
}
