import { describe, expect, it } from 'vitest';
import { compareEndpoints, formatAddress, parseAddress } from '../../src/trib/address.js';

describe('reading the address of a node', () => {
  it.each([
    ['10.0.0.1:6379', '10.0.0.1', 6379, undefined],
    ['node-1.example:7000', 'node-1.example', 7000, undefined],
    ['10.0.0.1:6379@16380', '10.0.0.1', 6379, 16380],
    ['[::1]:7000', '::1', 7000, undefined],
    ['::1:7000', '::1', 7000, undefined],
    ['fd00::2:7000@7001', 'fd00::2', 7000, 7001],
    ['[fd00::2]:65535', 'fd00::2', 65535, undefined],
  ])('%s', (text, host, port, busPort) => {
    expect(parseAddress(text)).toEqual({ host, port, busPort });
  });

  it.each([
    ['', 'the port is missing'],
    ['localhost', 'the port is missing'],
    ['localhost:', 'a number from 1 to 65535'],
    ['localhost:0', 'a number from 1 to 65535'],
    ['localhost:65536', 'a number from 1 to 65535'],
    ['localhost:7e3', 'a number from 1 to 65535'],
    [':7000', 'no such host'],
    ['zz::1:7000', 'no such host'],
    ['localhost:7000@', "the bus port behind '@'"],
    ['localhost:7000@x', "the bus port behind '@'"],
    ['0.0.0.0:7000', 'every address'],
    ['[::]:7000', 'every address'],
  ])('refuses %j', (text, why) => {
    expect(parseAddress(text)).toContain(why);
  });

  it('writes an IPv6 host in brackets', () => {
    expect([formatAddress('::1', 1), formatAddress('a', 2)]).toEqual(['[::1]:1', 'a:2']);
  });

  it('orders numbers in addresses as numbers', () => {
    const list = ['10.0.0.10:1', '10.0.0.9:2', '10.0.0.9:1'].map((text) => parseAddress(text));
    const sorted = list.filter((address) => typeof address !== 'string').sort(compareEndpoints);
    expect(sorted.map(({ host, port }) => `${host}:${port}`)).toEqual(['10.0.0.9:1', '10.0.0.9:2', '10.0.0.10:1']);
  });
});
