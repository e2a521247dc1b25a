import { isIPv6 } from 'node:net';

/** A node as the operator names it: host name or IP, client port, and the bus port where it was given (`@16379`). */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly busPort: number | undefined;
}

/**
 * Reads `host:port`, `host:port@busPort`, `[::1]:7000` and `::1:7000` (the last colon divides).
 * Returns the address, or one line that says what is wrong with the text.
 */
export function parseAddress(text: string): Address | string {
  const at = text.indexOf('@');
  const endpoint = at === -1 ? text : text.slice(0, at);
  const busPort = at === -1 ? undefined : parsePort(text.slice(at + 1));
  if (at !== -1 && busPort === undefined) return `'${text}': the bus port behind '@' must be a number from 1 to 65535`;
  const colon = endpoint.lastIndexOf(':');
  if (colon === -1) return `'${text}' is not host:port (the port is missing, for example ${text || 'host'}:6379)`;
  const port = parsePort(endpoint.slice(colon + 1));
  if (port === undefined) return `'${text}' is not host:port (the port must be a number from 1 to 65535)`;
  const host = unbracket(endpoint.slice(0, colon));
  if (host === '' || (host.includes(':') && !isIPv6(host)))
    return `'${text}' is not host:port (no such host '${host}')`;
  if (host === '0.0.0.0' || host === '::') return `'${text}': ${host} means every address of a host; name one of them`;
  return { host, port, busPort };
}

/** `host:port`, an IPv6 host in brackets. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True for the addresses that only the machine itself can reach. */
export function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1' || ip.startsWith('::ffff:127.');
}

/** Order of two endpoints for a printed list: digits in host names compare as numbers, so .9 comes before .10. */
export function compareEndpoints(a: { host: string; port: number }, b: { host: string; port: number }): number {
  return a.host.localeCompare(b.host, 'en', { numeric: true }) || a.port - b.port;
}

function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65535 ? port : undefined;
}

function unbracket(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}
