/**
 * Where to look for the positions inside a shape: the cell of its centre, so large that it and its neighbours cover the shape.
 *
 *   +----+----+----+
 *   | nw | n  | ne |        looked through in this order, those left out that the shape does not reach:
 *   +----+----+----+        centre, n, s, e, w, ne, nw, se, sw
 *   | w  | c  | e  |
 *   +----+----+----+        columns wrap at the date line, and rows at the edges of the map
 *   | sw | s  | se |
 *   +----+----+----+
 *
 * The order, and which cells are looked at, are Redis's: clients see it in the order of unsorted replies.
 */
import { degrees, distance, EARTH_RADIUS_M, latitudeDistance, radians } from './distance.js';
import { FINEST_STEP, gridBound, gridIndex, interleave, LATITUDE_MAX, LONGITUDE_MAX } from './geohash.js';

/** Half of what the Mercator map is wide, metres. */
const MERCATOR_MAX_M = 20037726.37;

/** A circle, or a box whose sides run along meridians and parallels. All lengths in metres. */
export interface Shape {
  readonly longitude: number;
  readonly latitude: number;
  readonly box: boolean;
  /** Of a circle; half of a box. */
  readonly halfWidthM: number;
  readonly halfHeightM: number;
}

/** A range of scores: from `first` on, before `behind`. */
export interface ScoreRange {
  readonly first: number;
  readonly behind: number;
}

interface Bounds {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

/** The neighbours in the order in which they are looked through: steps to the east and to the north. */
const NEIGHBOURS = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
] as const;

/** How far a position is from the shape's centre, metres; NaN when it is outside of the shape. */
export function distanceInside(shape: Shape, longitude: number, latitude: number): number {
  if (shape.box) {
    if (latitudeDistance(latitude, shape.latitude) > shape.halfHeightM) return Number.NaN;
    // Along the parallel of the position.
    if (distance(longitude, latitude, shape.longitude, latitude) > shape.halfWidthM) return Number.NaN;
  }
  const metres = distance(shape.longitude, shape.latitude, longitude, latitude);
  return shape.box || metres <= shape.halfWidthM ? metres : Number.NaN;
}

/** The ranges of scores in which the positions inside the shape are, in the order in which to look. */
export function rangesAround(shape: Shape): ScoreRange[] {
  const bounds = boundingBox(shape);
  const radiusM = shape.box ? Math.sqrt(shape.halfWidthM ** 2 + shape.halfHeightM ** 2) : shape.halfWidthM;
  let grid = new Grid(shape, estimatedStep(radiusM, shape.latitude));
  if (grid.step > 1 && grid.fallsShort(bounds)) grid = new Grid(shape, grid.step - 1);
  const ranges: ScoreRange[] = [];
  let last = -1;
  NEIGHBOURS.forEach(([east, north], i) => {
    if (grid.step >= 2 && grid.isNeedless(bounds, east, north)) return;
    const cell = grid.cell(east, north);
    // Of a coarse grid several neighbours are the same.
    if (i > 0 && cell === last) return;
    if (i > 0) last = cell;
    const size = 4 ** (FINEST_STEP - grid.step);
    ranges.push({ first: cell * size, behind: (cell + 1) * size });
  });
  return ranges;
}

/** The grid of a step, around a centre. */
class Grid {
  readonly step: number;
  private readonly column: number;
  private readonly row: number;

  constructor(centre: { readonly longitude: number; readonly latitude: number }, step: number) {
    this.step = step;
    this.column = gridIndex(centre.longitude, LONGITUDE_MAX, step);
    this.row = gridIndex(centre.latitude, LATITUDE_MAX, step);
  }

  /** Whether the bounds reach beyond the neighbours of the centre's cell. */
  fallsShort(bounds: Bounds): boolean {
    const { step } = this;
    const north = gridBound(this.neighbour(this.row, 1) + 1, LATITUDE_MAX, step);
    const south = gridBound(this.neighbour(this.row, -1), LATITUDE_MAX, step);
    const east = gridBound(this.neighbour(this.column, 1) + 1, LONGITUDE_MAX, step);
    const west = gridBound(this.neighbour(this.column, -1), LONGITUDE_MAX, step);
    return north < bounds.north || south > bounds.south || east < bounds.east || west > bounds.west;
  }

  /** Whether the bounds end inside the centre's cell on the side of a neighbour. */
  isNeedless(bounds: Bounds, east: number, north: number): boolean {
    const { row, column, step } = this;
    if (north < 0 && gridBound(row, LATITUDE_MAX, step) < bounds.south) return true;
    if (north > 0 && gridBound(row + 1, LATITUDE_MAX, step) > bounds.north) return true;
    if (east < 0 && gridBound(column, LONGITUDE_MAX, step) < bounds.west) return true;
    return east > 0 && gridBound(column + 1, LONGITUDE_MAX, step) > bounds.east;
  }

  /** The number of a neighbour's cell. */
  cell(east: number, north: number): number {
    const column = east === 0 ? this.column : this.neighbour(this.column, east);
    return interleave(column, north === 0 ? this.row : this.neighbour(this.row, north));
  }

  private neighbour(index: number, by: number): number {
    return (index + by) & (2 ** this.step - 1);
  }
}

function boundingBox({ longitude, latitude, halfWidthM, halfHeightM }: Shape): Bounds {
  const height = degrees(halfHeightM / EARTH_RADIUS_M);
  const widthAt = (lat: number): number => degrees(halfWidthM / EARTH_RADIUS_M / Math.cos(radians(lat)));
  // The shape is widest, in degrees, on its side that is nearer to a pole.
  const width = latitude < 0 ? widthAt(latitude - height) : widthAt(latitude + height);
  return { west: longitude - width, south: latitude - height, east: longitude + width, north: latitude + height };
}

/** The step whose cells are about as large as the shape; coarser near the poles, where cells are narrow. */
function estimatedStep(radiusM: number, latitude: number): number {
  if (radiusM === 0) return FINEST_STEP;
  let step = 1;
  for (let reach = radiusM; reach < MERCATOR_MAX_M; reach *= 2) step++;
  step -= 2;
  if (Math.abs(latitude) > 66) step--;
  if (Math.abs(latitude) > 80) step--;
  return Math.max(1, Math.min(FINEST_STEP, step));
}
