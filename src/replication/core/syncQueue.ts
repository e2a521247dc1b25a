/** Which of the replicas that wait for a snapshot get the next one, and when it begins. */

export interface WaitingReplica {
  readonly waitingSinceMs: number;
  /** It understands a transfer whose length nobody knows beforehand. */
  readonly takesMark: boolean;
  /** It wants a snapshot without data. */
  readonly withoutData: boolean;
}

export interface SyncSettings {
  /** `repl-diskless-sync` */
  readonly diskless: boolean;
  /** `repl-diskless-sync-delay`, seconds. */
  readonly delaySeconds: number;
  /** `repl-diskless-sync-max-replicas`; 0 for no such limit. */
  readonly enoughReplicas: number;
}

/** Those that share the next snapshot; none when it is not time yet. A diskless one waits a while for others to come. */
export function nextToSync<R extends WaitingReplica>(
  waiting: readonly R[],
  settings: SyncSettings,
  nowMs: number,
): R[] {
  const [first] = waiting;
  if (first === undefined) return [];
  const group = waiting.filter(({ withoutData }) => withoutData === first.withoutData);
  const { diskless, delaySeconds, enoughReplicas } = settings;
  const waitedMs = Math.max(...group.map(({ waitingSinceMs }) => nowMs - waitingSinceMs));
  const isTime =
    !diskless ||
    !first.takesMark ||
    (enoughReplicas > 0 && group.length >= enoughReplicas) ||
    waitedMs >= delaySeconds * 1000;
  return isTime ? group : [];
}

/** Straight to the sockets, or by way of a file whose length is told beforehand. */
export function isDiskless(group: readonly WaitingReplica[], { diskless }: SyncSettings): boolean {
  return (diskless || group.some(({ withoutData }) => withoutData)) && group.every(({ takesMark }) => takesMark);
}
