/** Medians and ratios, and how they are printed. A figure that was not measured is null and prints as n/a. */

export const NOT_MEASURED = 'n/a';

/**
 * @param {(number | null)[]} values
 * @returns {number | null}  null when a value is missing: a median over what happened to work would mislead
 */
export function median(values) {
  if (values.length === 0 || values.includes(null)) return null;
  const sorted = /** @type {number[]} */ ([...values]).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * ours / redis, or null when either is missing or there is nothing to divide by.
 * @param {number | null | undefined} ours
 * @param {number | null | undefined} redis
 */
export const ratio = (ours, redis) => (ours == null || redis == null || redis === 0 ? null : ours / redis);

/**
 * @param {number | null} value
 * @param {number} digits  significant for numbers below 10, whole numbers from 1000 up
 */
export function figure(value, digits = 2) {
  if (value === null || !Number.isFinite(value)) return NOT_MEASURED;
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(value >= 100 ? Math.min(digits, 1) : digits);
}

/**
 * @param {number | null} ours
 * @param {number | null} redis
 * @param {number} [digits]
 */
export const pair = (ours, redis, digits = 2) => `${figure(ours, digits)} / ${figure(redis, digits)}`;

/**
 * @param {(number | null)[]} ratios
 * @param {number} [digits]
 */
export function ratioWithRange(ratios, digits = 2) {
  const middle = median(ratios);
  if (middle === null) return NOT_MEASURED;
  const known = /** @type {number[]} */ (ratios);
  return `${figure(middle, digits)} (${figure(Math.min(...known), digits)}..${figure(Math.max(...known), digits)})`;
}

/** @param {number | null} share */
export const percent = (share) => (share === null ? NOT_MEASURED : `${Math.round(share * 100)}`);

/**
 * A Markdown table whose columns line up in a terminal; the first column is text, the others are figures.
 * @param {string[]} header
 * @param {string[][]} rows
 */
export function table(header, rows) {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}
