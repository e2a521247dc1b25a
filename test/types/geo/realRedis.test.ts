import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { distance } from '../../../src/types/geo/distance.js';
import { formatCoordinate, formatDistance } from '../../../src/types/geo/format.js';
import { geohashText, Position, positionScore } from '../../../src/types/geo/geohash.js';
import { textOf } from '../../support/notation.js';
import type { RunningServer } from '../../support/process.js';
import { RawClient } from '../../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../../support/redis.js';
import type { Reply } from '../../support/resp.js';

const POINTS = 5000;
const EDGES = [-180, 180, -179.99999999, 179.99999999, 0, 90, -90, 1e-300];
const LATITUDE_EDGES = [-85.05112878, 85.05112878, 85.05, -85.05, 0, 66, 80, 1e-300];

/** All over the map, at its edges, and close to each other. */
function positions(): (readonly [longitude: number, latitude: number])[] {
  const prng = new Prng(4);
  const found: (readonly [number, number])[] = [];
  for (const longitude of EDGES) for (const latitude of LATITUDE_EDGES) found.push([longitude, latitude]);
  while (found.length < POINTS) {
    const spread = 10 ** -prng.below(7);
    found.push([(prng.nextFloat() * 360 - 180) * spread, (prng.nextFloat() * 170 - 85) * spread]);
  }
  return found;
}

const title = 'positions in redis-server and here';

if (redisServerOnPath() === undefined) {
  skipLoudly(title);
  describe.skip(`${title} [no redis-server on PATH]`, () => it.skip('is skipped', () => {}));
} else {
  describe(title, () => {
    const points = positions();
    let redis: RunningServer;
    let client: RawClient;

    beforeAll(async () => {
      redis = await startRedis();
      client = await RawClient.connect(redis.port);
      await client.pipeline(points.map(([lon, lat], i) => ['GEOADD', 'g', String(lon), String(lat), `p${i}`]));
    });
    afterAll(async () => {
      client.close();
      await redis.stop();
    });

    it('have the same score', async () => {
      const scores = await client.pipeline(points.map((_, i) => ['ZSCORE', 'g', `p${i}`]));
      points.forEach(([longitude, latitude], i) => {
        expect(positionScore(longitude, latitude)).toBe(Number(textOf(scores[i] as Reply)));
      });
    });

    it('are read back and printed alike', async () => {
      const shown = await client.pipeline(points.map((_, i) => ['GEOPOS', 'g', `p${i}`]));
      const hashes = await client.pipeline(points.map((_, i) => ['GEOHASH', 'g', `p${i}`]));
      const position = new Position();
      points.forEach((point, i) => {
        const { longitude, latitude } = position.read(positionScore(...point));
        const pair = [formatCoordinate(longitude), formatCoordinate(latitude)];
        expect(JSON.stringify(pair)).toBe(JSON.stringify(itemsOf(itemsOf(shown[i])[0]).map(textOf)));
        expect(geohashText(longitude, latitude)).toBe(textOf(itemsOf(hashes[i])[0]));
      });
    });

    it('are equally far from each other', async () => {
      const prng = new Prng(5);
      const pairs = points.map(() => [prng.below(POINTS), prng.below(POINTS)] as const);
      const replies = await client.pipeline(pairs.map(([a, b]) => ['GEODIST', 'g', `p${a}`, `p${b}`]));
      pairs.forEach(([from, to], i) => {
        const a = new Position().read(positionScore(...(points[from] as readonly [number, number])));
        const b = new Position().read(positionScore(...(points[to] as readonly [number, number])));
        const metres = distance(a.longitude, a.latitude, b.longitude, b.latitude);
        const theirs = textOf(replies[i] as Reply);
        // The last of four decimals depends on the machine's sines where two points are nearly antipodes.
        if (formatDistance(metres) !== theirs) expect(Math.abs(metres - Number(theirs))).toBeLessThan(0.001);
      });
    });

    it('are taken for the same cells, whatever the score', async () => {
      const prng = new Prng(6);
      const odd = [
        0,
        0.5,
        -1,
        -3.7,
        2 ** 52,
        2 ** 53,
        2 ** 62,
        1e18,
        -1e18,
        2 ** 63,
        -(2 ** 63),
        1.5e19,
        1e300,
        -1e300,
      ];
      for (let i = 0; i < 200; i++) odd.push((prng.nextFloat() - 0.5) * 2 ** prng.below(66));
      await client.pipeline([...odd.map((score, i) => ['ZADD', 'odd', String(score), `o${i}`])]);
      const shown = await client.pipeline(odd.map((_, i) => ['GEOPOS', 'odd', `o${i}`]));
      odd.forEach((score, i) => {
        const { longitude, latitude } = new Position().read(score);
        const pair = [formatCoordinate(longitude), formatCoordinate(latitude)];
        expect([score, ...pair]).toEqual([score, ...itemsOf(itemsOf(shown[i])[0]).map(textOf)]);
      });
    });
  });
}

function itemsOf(reply: Reply | undefined): readonly Reply[] {
  return reply !== undefined && 'items' in reply ? reply.items : [];
}
