/** LOLWUT: a picture, and the version. */
import type { Random } from '../../base/prng.js';
import * as errors from '../../resp/errors.js';
import { FAST, READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';

const MAX_COLUMNS = 1000;
const MAX_ROWS = 200;

export const lolwut = command({
  name: 'lolwut',
  arity: -1,
  group: 'server',
  since: '5.0.0',
  flags: READONLY | FAST,
  complexity: '',
  summary: 'Draws something, and tells the version.',
  arguments: [{ name: 'version', type: 'integer', token: 'VERSION', flags: ['optional'] }],
  run(ctx) {
    let picture = 0;
    let sizesAt = 1;
    if (ctx.argc >= 3 && ctx.argIs(1, 'version')) {
      if (ctx.argInt64(2) === undefined) return ctx.reply.error(errors.NOT_AN_INTEGER);
      picture = ctx.argInt(2);
      sizesAt = 3;
    }
    // What every picture ends with is all that versions without one of their own show.
    const signature = `Redis ver. ${ctx.server.redisVersion}\n`;
    if (picture !== 5 && picture !== 6) return ctx.reply.verbatim('txt', signature);
    const sizes = parseSizes(ctx, sizesAt, picture === 5 ? [66, 12] : [80, 20]);
    if (sizes === undefined) return;
    const draw = picture === 5 ? drawShoal : drawSea;
    ctx.reply.verbatim('txt', `${draw(sizes[0], sizes[1], ctx.server.random)}\n${signature}`);
  },
});

/** Columns and rows from the arguments, within bounds; undefined after an error reply. */
function parseSizes(
  ctx: CommandContext,
  first: number,
  [columns, rows]: [number, number],
): [number, number] | undefined {
  const given: number[] = [];
  for (let i = first; i < ctx.argc && given.length < 3; i++) {
    const value = ctx.argInt(i);
    if (Number.isNaN(value)) {
      ctx.reply.error(errors.NOT_AN_INTEGER);
      return undefined;
    }
    given.push(value);
  }
  return [clamp(given[0] ?? columns, MAX_COLUMNS), clamp(given[1] ?? rows, MAX_ROWS)];
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 1), max);
}

const FISH: readonly string[] = ['><>', "><(('>", '>-=>', '><{{{o>', '}>'];

/** A shoal: many fish one way, and one that goes its own. */
function drawShoal(columns: number, rows: number, random: Random): string {
  const contrary = random.below(rows);
  let picture = '';
  for (let row = 0; row < rows; row++) {
    if (row === contrary) {
      picture += `${' '.repeat(random.below(columns))}<><`.slice(0, columns).padEnd(columns).trimEnd();
      picture += '\n';
      continue;
    }
    let line = '';
    while (line.length < columns) line += ' '.repeat(1 + random.below(14)) + FISH[random.below(FISH.length)];
    picture += `${line.slice(0, columns).trimEnd()}\n`;
  }
  return picture;
}

const SURFACE = '~-_.-~';

/** Waves under a few stars. */
function drawSea(columns: number, rows: number, random: Random): string {
  const sky = Math.floor(rows / 3);
  let picture = '';
  for (let row = 0; row < rows; row++) {
    let line = '';
    const phase = random.below(SURFACE.length);
    const length = 0.15 + random.nextFloat() * 0.2;
    for (let column = 0; column < columns; column++) {
      if (row < sky) line += random.below(40) === 0 ? '*' : ' ';
      else {
        const height = Math.sin((column + phase) * length);
        line += height > 0.3 ? SURFACE[(column + phase) % SURFACE.length] : height > -0.6 && row > sky ? ' ' : '~';
      }
    }
    picture += `${line.trimEnd()}\n`;
  }
  return picture;
}
