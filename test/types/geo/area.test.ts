import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { distanceInside, rangesAround, type Shape } from '../../../src/types/geo/area.js';
import { distance, latitudeDistance } from '../../../src/types/geo/distance.js';
import { formatCoordinate, formatDistance } from '../../../src/types/geo/format.js';
import { geohashText, Position, positionScore } from '../../../src/types/geo/geohash.js';

function randomShape(prng: Prng): Shape {
  const size = 10 ** (1 + 5.3 * prng.nextFloat());
  const box = prng.below(2) === 0;
  // Redis itself overlooks positions beyond the date line and near the edges of the map.
  const longitude = prng.nextFloat() * 180 - 90;
  const latitude = prng.nextFloat() * 120 - 60;
  return { longitude, latitude, box, halfWidthM: size, halfHeightM: box ? size * prng.nextFloat() : size };
}

describe('the ranges around a shape', () => {
  it('hold every position inside', () => {
    const prng = new Prng(11);
    let inside = 0;
    for (let i = 0; i < 400; i++) {
      const shape = randomShape(prng);
      const ranges = rangesAround(shape);
      expect(ranges.length).toBeLessThanOrEqual(9);
      const reach = (2.5 * shape.halfWidthM) / 111_000;
      for (let j = 0; j < 200; j++) {
        const longitude = shape.longitude + (prng.nextFloat() - 0.5) * reach;
        const latitude = Math.max(-85, Math.min(85, shape.latitude + (prng.nextFloat() - 0.5) * reach));
        const score = positionScore(longitude, latitude);
        const at = new Position().read(score);
        if (Number.isNaN(distanceInside(shape, at.longitude, at.latitude))) continue;
        inside++;
        expect(ranges.some(({ first, behind }) => score >= first && score < behind)).toBe(true);
      }
    }
    expect(inside).toBeGreaterThan(1000);
  });

  it('do not overlap', () => {
    const prng = new Prng(12);
    for (let i = 0; i < 400; i++) {
      const ranges = rangesAround(randomShape(prng)).toSorted((a, b) => a.first - b.first);
      for (let j = 1; j < ranges.length; j++) expect(ranges[j]!.first).toBeGreaterThanOrEqual(ranges[j - 1]!.behind);
    }
  });
});

describe('positions', () => {
  it('are read back from their scores to within half a cell', () => {
    const prng = new Prng(13);
    for (let i = 0; i < 5000; i++) {
      const longitude = prng.nextFloat() * 360 - 180;
      const latitude = prng.nextFloat() * 170 - 85;
      const at = new Position().read(positionScore(longitude, latitude));
      expect(Math.abs(at.longitude - longitude)).toBeLessThanOrEqual(180 / 2 ** 26 + 1e-12);
      expect(Math.abs(at.latitude - latitude)).toBeLessThanOrEqual(85.06 / 2 ** 26 + 1e-12);
    }
  });

  it('print as coordinates, distances and geohashes', () => {
    expect(formatCoordinate(-0)).toBe('0');
    expect(formatCoordinate(-1e-20)).toBe('0');
    expect(formatCoordinate(13.361389338970184)).toBe('13.36138933897018433');
    expect(formatDistance(0)).toBe('0.0000');
    expect(formatDistance(166274.15156960033)).toBe('166274.1516');
    expect(formatDistance(1e300)).toBe((1e300).toFixed(4));
    expect(geohashText(13.361389338970184, 38.1155563954963)).toBe('sqc8b49rny0');
    expect(latitudeDistance(0, 1)).toBeCloseTo(distance(7, 0, 7, 1), 6);
  });
});
