import type { Database } from '../../../store/database.js';
import type { Ref } from '../../../store/types.js';
import type { CommandContext } from '../../context.js';
import { Digest, viewed } from './digest.js';

/** Pairs of member and score in any order. */
export function digestZset(digest: Digest, { zsets }: CommandContext, db: Database, ref: Ref): void {
  const zset = zsets.read(db, ref);
  zset.seek(0);
  do {
    const pair = new Digest();
    pair.append(viewed(zset.member()));
    pair.append(Buffer.from(printG17(zset.score)));
    digest.addDigest(pair);
  } while (zset.next());
}

/** As printf does with `%.17g`. */
function printG17(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const exponent = Number(value.toExponential(16).split('e')[1]);
  if (exponent >= -4 && exponent < 17) return withoutZeros(value.toFixed(16 - exponent));
  const [digits, power] = value.toExponential(16).split('e');
  return `${withoutZeros(digits)}e${power[0]}${power.slice(1).padStart(2, '0')}`;
}

function withoutZeros(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}
