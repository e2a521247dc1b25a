/** Distances on the sphere that Redis takes Earth for, in metres. */
export const EARTH_RADIUS_M = 6372797.560856;

const RADIANS = Math.PI / 180;

export function radians(degrees: number): number {
  return degrees * RADIANS;
}

export function degrees(angle: number): number {
  return angle / RADIANS;
}

/** Between two positions of the same longitude. */
export function latitudeDistance(lat1: number, lat2: number): number {
  return EARTH_RADIUS_M * Math.abs(radians(lat2) - radians(lat1));
}

/** The great-circle distance, by the haversine formula. */
export function distance(lon1: number, lat1: number, lon2: number, lat2: number): number {
  const v = Math.sin((radians(lon2) - radians(lon1)) / 2);
  if (v === 0) return latitudeDistance(lat1, lat2);
  const a = radians(lat1);
  const b = radians(lat2);
  const u = Math.sin((b - a) / 2);
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(u * u + Math.cos(a) * Math.cos(b) * v * v));
}
