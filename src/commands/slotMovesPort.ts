/** A connection, by its session. */
export interface MoveClient {
  readonly id: number;
}

/** First and last slot. */
export type SlotBounds = readonly [start: number, end: number];

/** Where an atomic move of slots stands. The last three are final. */
export type SlotMoveState =
  | 'queued'
  | 'connecting'
  | 'copying'
  | 'catching-up'
  | 'pausing'
  | 'waiting-for-owner'
  | 'importing'
  | 'success'
  | 'failed'
  | 'cancelled';

export interface SlotMoveRequest {
  readonly ranges: readonly SlotBounds[];
  readonly targetId: string;
}

export interface SlotMoveFacts {
  /** 40 hexadecimal characters, the same on both ends. */
  readonly id: string;
  readonly operation: 'EXPORT' | 'IMPORT';
  readonly ranges: readonly SlotBounds[];
  readonly sourceId: string;
  readonly targetId: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly state: SlotMoveState;
  /** Why it failed. */
  readonly message: string;
  /** Keys that have been sent, some of them more than once, and keys that have changed since. */
  readonly sentKeys: number;
  readonly changedKeys: number;
}

/** Atomic moves of whole slots. Texts are error replies. */
export interface SlotMovesPort {
  /** Begins all of these moves, which then take their turns; or none, and answers why. */
  migrate(requests: readonly SlotMoveRequest[]): string | undefined;
  /** Newest first, those that are over for as long as there is room. */
  facts(): readonly SlotMoveFacts[];
  /** Ends all moves away from here that can still be ended. False when there are none. */
  cancelAll(): boolean;

  // What nodes say to each other.

  /** The client will send us the keys of these slots. */
  begin(client: MoveClient, id: string, sourceId: string, ranges: readonly SlotBounds[]): string | undefined;
  /** All has been sent: the slots are ours from now on. */
  finish(client: MoveClient, id: string): string | undefined;
  /** Ends the move unless it is over. Whether the slots are ours now. */
  resolve(id: string, ranges: readonly SlotBounds[]): boolean;
}
