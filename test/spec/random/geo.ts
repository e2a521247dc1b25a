/** Geo commands for random histories, with positions all over the map, at its edges, and close together. */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const KEYS = ['g1', 'g2', 'g3', 'a', 'za'];
const EDGES: readonly (readonly [string, string])[] = [
  ['180', '85.05112878'],
  ['-180', '-85.05112878'],
  ['180', '0'],
  ['-180', '0'],
  ['0', '85.05112878'],
  ['0', '-85.05112878'],
  ['0', '0'],
  ['179.9999', '1'],
  ['-179.9999', '1'],
  ['13.361389', '38.115556'],
  ['15.087269', '37.502669'],
  ['1e-9', '-1e-9'],
  ['0x10', '.5'],
];
const BAD_POSITIONS: readonly (readonly [string, string])[] = [
  ['181', '0'],
  ['0', '85.06'],
  ['abc', '0'],
  ['0', ''],
  ['inf', '0'],
  ['0', '-1e30'],
];
const UNITS = ['m', 'km', 'ft', 'mi', 'KM', 'Mi'];
const MEMBERS = ['a', 'b', 'c', 'Palermo', 'Catania', '1', '-7', ''];

const key = (g: CommandGenerator): string => (g.below(25) === 0 ? g.key() : g.one(KEYS));
const unit = (g: CommandGenerator): string => (g.below(30) === 0 ? g.one(['', 'x', 'kms']) : g.one(UNITS));
const member = (g: CommandGenerator): string => (g.below(3) === 0 ? g.one(MEMBERS) : `p${g.below(300)}`);
const members = (g: CommandGenerator): string[] => Array.from({ length: 1 + g.below(3) }, () => member(g));

function position(g: CommandGenerator): readonly string[] {
  const dice = g.below(20);
  if (dice === 0) return g.below(4) === 0 ? g.one(BAD_POSITIONS) : g.one(EDGES);
  if (dice < 3) return g.one(EDGES);
  // All over the map, or within some hundred metres or kilometres.
  const spread = g.one([1, 1, 0.01, 0.0001]);
  const longitude = (g.below(360_000_000) / 1e6 - 180) * spread;
  const latitude = (g.below(170_000_000) / 1e6 - 85) * spread;
  return [longitude.toFixed(6), latitude.toFixed(6)];
}

function length(g: CommandGenerator): string {
  if (g.below(40) === 0) return g.one(['abc', '-1', '', 'nan']);
  return g.one(['0', '1', '10', '100', '333.3', '1000', '5000', '20000', '100000', '1e6', '1e7', '1e9', 'inf']);
}

function count(g: CommandGenerator): string[] {
  if (g.below(3) > 0) return [];
  return ['COUNT', g.one(['1', '2', '5', '100', '100', '0', 'x']), ...(g.below(3) === 0 ? ['ANY'] : [])];
}

function options(g: CommandGenerator): string[] {
  const withs = [['WITHCOORD'], ['WITHDIST'], ['WITHHASH'], ['withdist', 'WITHHASH']];
  const order = g.one<string[]>([[], ['ASC'], ['DESC'], ['asc']]);
  return [...(g.below(2) === 0 ? g.one(withs) : []), ...count(g), ...order];
}

function search(g: CommandGenerator): string[] {
  const from = g.below(2) === 0 ? ['FROMMEMBER', member(g)] : ['FROMLONLAT', ...position(g)];
  const by = g.below(2) === 0 ? ['BYRADIUS', length(g), unit(g)] : ['BYBOX', length(g), length(g), unit(g)];
  const parts = g.below(2) === 0 ? [...from, ...by] : [...by, ...from];
  return g.below(30) === 0 ? parts.slice(g.below(parts.length)) : parts;
}

function storing(g: CommandGenerator): string[] {
  return g.below(4) > 0 ? [] : [g.one(['STORE', 'STOREDIST', 'storedist']), g.one(KEYS)];
}

export const GEO_COMMANDS: readonly WeightedCommand[] = [
  [
    8,
    (g) => [
      'GEOADD',
      key(g),
      ...g.one<string[]>([[], [], ['NX'], ['XX'], ['CH'], ['NX', 'XX']]),
      ...position(g),
      member(g),
    ],
  ],
  [8, (g) => ['GEOADD', key(g), ...Array.from({ length: 40 }, () => [...position(g), `p${g.below(300)}`]).flat()]],
  [2, (g) => ['ZADD', key(g), g.one(['1', '-1', '3.7', '4503599627370496', '1e300', '-5e17', 'inf']), member(g)]],
  [4, (g) => ['GEOPOS', key(g), ...members(g)]],
  [4, (g) => ['GEOHASH', key(g), ...members(g)]],
  [6, (g) => ['GEODIST', key(g), member(g), member(g), ...(g.below(2) === 0 ? [unit(g)] : [])]],
  [16, (g) => ['GEOSEARCH', key(g), ...search(g), ...options(g)]],
  [6, (g) => ['GEOSEARCHSTORE', g.one(KEYS), key(g), ...search(g), ...count(g), ...g.one([[], ['STOREDIST']])]],
  [8, (g) => ['GEORADIUS', key(g), ...position(g), length(g), unit(g), ...options(g), ...storing(g)]],
  [6, (g) => ['GEORADIUSBYMEMBER', key(g), member(g), length(g), unit(g), ...options(g), ...storing(g)]],
  [2, (g) => ['GEORADIUS_RO', key(g), ...position(g), length(g), unit(g), ...options(g), ...storing(g)]],
  [2, (g) => ['GEORADIUSBYMEMBER_RO', key(g), member(g), length(g), unit(g), ...options(g)]],
  [1, (g) => ['DEL', g.one(KEYS)]],
];
