/** Coordinates and distances as Redis prints them. */

/** A coordinate, degrees: up to 17 decimals, without zeros at the end. */
export function formatCoordinate(coordinate: number): string {
  const text = coordinate.toFixed(17).replace(/\.?0+$/, '');
  return text === '-0' ? '0' : text;
}

/** A distance in any unit: four decimals. */
export function formatDistance(distance: number): string {
  const scaled = distance * 10_000;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  // To the nearest, of two to the even one.
  const digits = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  if (!Number.isSafeInteger(digits)) return distance.toFixed(4);
  const whole = Math.floor(digits / 10_000);
  return `${whole}.${String(digits - whole * 10_000).padStart(4, '0')}`;
}
