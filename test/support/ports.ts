/** Ports for the servers of the tests. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const BUS_OFFSET = 10_000;
/**
 * Each worker of the test runner takes its ports from a range of its own. All of them, and their bus ports, lie below
 * those that the system gives to outgoing connections, so that nobody takes one before the server does.
 */
const RANGE_PORTS = 2500;
const RANGE_START = 11_000 + RANGE_PORTS * (Number(process.env.VITEST_POOL_ID ?? 0) % 4);
const handedOut = new Set<number>();

/** So many ports in a row that are free together with their bus ports. */
export async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    const first = randomInt(RANGE_START, RANGE_START + RANGE_PORTS - count);
    const ports = Array.from({ length: count }, (_, i) => first + i);
    if (ports.some((port) => handedOut.has(port))) continue;
    for (const port of ports) handedOut.add(port);
    const free = await Promise.all(ports.flatMap((port) => [isFree(port), isFree(port + BUS_OFFSET)]));
    if (free.every(Boolean)) return ports;
  }
}

/** A port on which nobody listens, with its bus port free as well. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '0.0.0.0', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
