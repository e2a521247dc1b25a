/** What LATENCY GRAPH draws and LATENCY DOCTOR says. */
import type { LatencySample, LatencySeries } from './monitoringPorts.js';

const GRAPH_COLUMNS = 80;
const GRAPH_ROWS = 4;
/** A character's share of a row, from the lowest to the highest. */
const STEP_CHARACTERS = '_o#';
const STEPS = STEP_CHARACTERS.length * GRAPH_ROWS;
/** What stands below the top of a column. */
const FILL = '|';

/**
 * A column for each sample, the highest GRAPH_ROWS high, with the sample's age read downwards under it:
 *
 *     command - high 40 ms, low 10 ms (all time high 40 ms)
 *     -------- ... (80 of them)
 *        #
 *      o |
 *     _|_|
 *
 *     3221
 *     0550
 *     ssss
 */
export function latencyGraph(event: string, { samples, worstMs }: LatencySeries, nowSeconds: number): string {
  const latencies = samples.map(({ latencyMs }) => latencyMs);
  const high = Math.max(...latencies);
  const low = Math.min(...latencies);
  let text = `${event} - high ${high} ms, low ${low} ms (all time high ${worstMs} ms)\n`;
  text += `${'-'.repeat(GRAPH_COLUMNS)}\n`;
  for (let from = 0; from < samples.length; from += GRAPH_COLUMNS) {
    if (from > 0) text += '\n';
    text += drawPart(samples.slice(from, from + GRAPH_COLUMNS), low, high, nowSeconds);
  }
  return text;
}

function drawPart(samples: readonly LatencySample[], low: number, high: number, nowSeconds: number): string {
  const range = Math.max(1, high - low);
  const steps = samples.map(({ latencyMs }) => Math.min(STEPS - 1, Math.floor(((latencyMs - low) * STEPS) / range)));
  const labels = samples.map(({ atSeconds }) => ageLabel(nowSeconds - atSeconds));
  const lines: string[] = [];
  for (let row = GRAPH_ROWS - 1; row >= 0; row--) {
    lines.push(steps.map((step) => columnCharacter(step - row * STEP_CHARACTERS.length)).join(''));
  }
  lines.push(' '.repeat(samples.length));
  const labelLength = Math.max(...labels.map((label) => label.length));
  for (let i = 0; i < labelLength; i++) lines.push(labels.map((label) => label[i] ?? ' ').join(''));
  return lines.map((line) => `${line}\n`).join('');
}

/** `step` counts from the bottom of the row. */
function columnCharacter(step: number): string {
  if (step < 0) return ' ';
  return STEP_CHARACTERS[step] ?? FILL;
}

function ageLabel(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}

/** What may help against an event, by the beginning of its name; the first that fits. */
const ADVICE: readonly (readonly [event: string, advice: string])[] = [
  [
    'command',
    'SLOWLOG GET shows which calls were slow. Commands that look at all of a large value or at all keys are the usual ones.',
  ],
  [
    'fast-command',
    'Commands that take constant time were held up: look for swapping, a busy disk or a machine that shares its cores.',
  ],
  ['aof-fsync-always', "The disk bounds writes. 'appendfsync everysec' acknowledges them without waiting for it."],
  ['aof-write', 'Writing to the append-only file waits for the disk: keep other programs away from it.'],
  ['expire-', 'Many keys expire at the same moment: spread their expire times.'],
  ['eviction-', 'Keys are evicted to stay below maxmemory. Lower maxmemory-eviction-tenacity, or give it more memory.'],
  ['active-defrag-', 'Defragmentation takes its share of the time: lower active-defrag-cycle-max.'],
];

interface ReportSettings {
  readonly 'latency-monitor-threshold': number;
  readonly 'slowlog-log-slower-than': number;
}

/** A paragraph of figures for each event, then what may help. */
export function latencyReport(all: ReadonlyMap<string, LatencySeries>, settings: ReportSettings): string {
  const thresholdMs = settings['latency-monitor-threshold'];
  if (all.size === 0 && thresholdMs === 0) {
    return 'The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> switches it on.\n';
  }
  if (all.size === 0) return `No event took ${thresholdMs} ms or more since the monitor was switched on or reset.\n`;
  const lines: string[] = [];
  const advice = new Set<string>();
  for (const [event, series] of all) {
    lines.push(`${lines.length + 1}. ${event}: ${figures(series)}`);
    const fitting = ADVICE.find(([beginning]) => event.startsWith(beginning))?.[1];
    if (fitting !== undefined) advice.add(fitting);
  }
  const slowerThanMs = settings['slowlog-log-slower-than'] / 1000;
  if (all.has('command') && (slowerThanMs < 0 || (thresholdMs > 0 && slowerThanMs > thresholdMs))) {
    advice.add('The slow log leaves out some of these calls: lower slowlog-log-slower-than.');
  }
  if (advice.size > 0) lines.push('', 'What may help:', ...[...advice].map((text) => `- ${text}`));
  return `${lines.join('\n')}\n`;
}

function figures({ samples, worstMs }: LatencySeries): string {
  const mean = samples.reduce((sum, { latencyMs }) => sum + latencyMs, 0) / samples.length;
  const deviation = samples.reduce((sum, { latencyMs }) => sum + Math.abs(latencyMs - mean), 0) / samples.length;
  const seconds = samples[samples.length - 1].atSeconds - samples[0].atSeconds;
  const every = samples.length > 1 ? `, one in ${(seconds / (samples.length - 1)).toFixed(2)} s` : '';
  return (
    `${samples.length} samples, mean ${Math.round(mean)} ms, mean deviation ${Math.round(deviation)} ms${every}, ` +
    `worst ever ${worstMs} ms.`
  );
}
