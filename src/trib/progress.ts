/** How far long work has come: a bar with rate and time left for a person, dots and hashes in a transcript. */
import { systemClock } from '../base/clock.js';

/** The bar's text: `[#####.....]  50% 512/1024 slots, 9000 keys, 2048 slots/s, 0:03 left`. Pure. */
export function progressText(state: ProgressState): string {
  const { done, total, unit, keys, elapsedMs, width } = state;
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const rate = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0;
  const left = rate > 0 ? `${formatDuration(((total - done) * 1000) / rate)} left` : 'time left unknown';
  const moved = keys === undefined ? '' : ` ${keys} keys,`;
  const figures = `${Math.floor(share * 100)}% ${done}/${total} ${unit},${moved} ${formatRate(rate)} ${unit}/s, ${left}`;
  const room = width - figures.length - 3;
  if (room < 10) return figures;
  const bar = Math.min(room, 40);
  const filled = Math.round(share * bar);
  return `[${'#'.repeat(filled)}${'.'.repeat(bar - filled)}] ${figures}`;
}

export interface ProgressState {
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  readonly keys: number | undefined;
  readonly elapsedMs: number;
  /** Columns that the text may take. */
  readonly width: number;
}

/** `3:07`, `1:02:09`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function formatRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

/** A watch that is started when work begins. */
export class Stopwatch {
  readonly #startUs = systemClock.monotonicUs();

  get elapsedMs(): number {
    return Math.round((systemClock.monotonicUs() - this.#startUs) / 1000);
  }
}
