/** `trib logs`: the ends of the nodes' logs, and what is added to them. */
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../commands/context.js';
import type { TakeInterrupts } from '../terminal.js';
import type { NodePlace } from './folder.js';
import { findDaemon, type LocalCluster } from './local-cluster.js';
import { linesOf, logTail, readFrom } from './log-tail.js';

export interface LogsOptions {
  readonly node: string | undefined;
  readonly follow: boolean;
  readonly lines: number;
}

const LOOK_EVERY_MS = 200;

export async function logs(
  { terminal }: CommandContext,
  cluster: LocalCluster,
  { node, follow, lines }: LogsOptions,
  takeInterrupts: TakeInterrupts,
): Promise<number> {
  const daemons = node === undefined ? cluster.daemons : [findDaemon(cluster, node)];
  const places = daemons.map(({ place }) => place);
  const prefix = (place: NodePlace): string => (places.length > 1 ? `${place.port} | ` : '');
  const ends = new Map(places.map((place) => [place, sizeOf(place.logFile)]));
  const tails = places.map((place) => logTail(place.logFile, lines));
  terminal.report({
    logs: daemons.map(({ name, place }, i) => ({ node: name, file: place.logFile, lines: tails[i] })),
  });
  for (const [i, place] of places.entries()) terminal.print(...tails[i].map((line) => prefix(place) + line));
  if (!follow) return 0;
  let ended = false;
  let wake: () => void = () => undefined;
  const interrupted = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const giveBack = takeInterrupts(() => {
    ended = true;
    wake();
  });
  while (!ended) {
    for (const place of places) {
      const { bytes, end } = readFrom(place.logFile, ends.get(place) ?? 0);
      // A line that is being written comes with the next look.
      const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
      ends.set(place, end - bytes.length + whole.length);
      if (whole.length > 0) terminal.print(...linesOf(whole).map((line) => prefix(place) + line));
    }
    await Promise.race([sleep(LOOK_EVERY_MS), interrupted]);
  }
  giveBack();
  return 0;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
