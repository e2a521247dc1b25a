/**
 * Which history of writes the data is a part of, and how far: replication id and offset. A replica takes over both from its
 * master. When it is promoted it begins a history of its own and goes on knowing the old one, up to the point where it left it:
 *
 *   secondId   ───────────────────────┐ secondEnd
 *   id                                └──────────────── offset
 *
 * So the other replicas of its late master can go on with it without a full resynchronization.
 */
import { equalsIgnoringCase } from './words.js';

export const ID_LENGTH = 40;
export const NO_ID = '0'.repeat(ID_LENGTH);

export class History {
  id: string;
  secondId = NO_ID;
  /** PSYNC offset up to which the second id may be asked for; -1 without one. */
  secondEnd = -1;
  /** Bytes of the stream so far. */
  offset = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** Another history begins that has nothing to do with this one. */
  restart(id: string): void {
    this.id = id;
    this.secondId = NO_ID;
    this.secondEnd = -1;
  }

  /** This history becomes the past of a new one. */
  fork(id: string): void {
    this.secondId = this.id;
    this.secondEnd = this.offset + 1;
    this.id = id;
  }

  /** All data was replaced by that of a master. */
  adopt(id: string, offset: number): void {
    this.restart(id);
    this.offset = offset;
  }

  /** Whether a replica that has `id` up to before `psyncOffset` has nothing that we have not. */
  shares(id: string, psyncOffset: number): boolean {
    if (equalsIgnoringCase(id, this.id)) return true;
    return equalsIgnoringCase(id, this.secondId) && psyncOffset <= this.secondEnd;
  }
}

/** What of the stream is there; undefined without a backlog. */
export interface Kept {
  readonly start: number;
  readonly end: number;
}

export type PsyncDecision =
  | { readonly from: number }
  /** What the log says; '' where the replica asked for a full resynchronization itself. */
  | { readonly refused: string };

/** Answers a replica's PSYNC: where its stream goes on, or why it needs everything. */
export function decidePsync(history: History, kept: Kept | undefined, id: string, psyncOffset: number): PsyncDecision {
  if (id.startsWith('?')) return { refused: '' };
  if (!history.shares(id, psyncOffset)) {
    if (!equalsIgnoringCase(id, history.secondId)) {
      return {
        refused:
          `Partial resynchronization not accepted: Replication ID mismatch (Replica asked for '${id}', ` +
          `my replication IDs are '${history.id}' and '${history.secondId}')`,
      };
    }
    return {
      refused:
        `Partial resynchronization not accepted: Requested offset for second ID was ${psyncOffset}, ` +
        `but I can reply up to ${history.secondEnd}`,
    };
  }
  const from = psyncOffset - 1;
  if (kept === undefined || from < kept.start || from > kept.end) {
    const beyond = from > history.offset ? ', which is beyond my own' : '';
    return { refused: `Unable to partial resync for lack of backlog (Replica request was: ${psyncOffset}${beyond}).` };
  }
  return { from };
}

/** The history that a data file is a part of, and the database that its stream was in. */
export interface SavedHistory {
  readonly id: string;
  readonly offset: number;
  readonly db: number;
}

/** What a data file says of its history; undefined when it does not. */
export function savedHistory(aux: ReadonlyMap<string, string>): SavedHistory | undefined {
  const id = aux.get('repl-id');
  const offset = Number(aux.get('repl-offset') ?? -1);
  const db = Number(aux.get('repl-stream-db') ?? -1);
  if (id?.length !== ID_LENGTH || !Number.isSafeInteger(offset) || offset < 0 || !(db >= 0)) return undefined;
  return { id, offset, db };
}
