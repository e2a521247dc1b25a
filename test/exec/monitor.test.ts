import { describe, expect, it } from 'vitest';
import { type FakeStream, Harness } from '../net/harness.js';

function lines(stream: FakeStream): string[] {
  return stream.takeReplies().map((reply) => ('text' in reply ? reply.text : reply.type));
}

describe('MONITOR', () => {
  it('prints the time to the microsecond, database, address and quoted arguments', () => {
    const harness = new Harness();
    const [monitor, client] = [harness.connect(), harness.connect()];
    harness.call(monitor, 'MONITOR');
    client.receive('SELECT 2\r\n*3\r\n$3\r\nSET\r\n$4\r\n\x00"\\\xff\r\n$3\r\n\r\n\x07\r\n');
    const [, set] = lines(monitor);
    const seconds = Math.floor(harness.clock.nowMs() / 1000);
    const rest = String((harness.clock.nowMs() % 1000) * 1000).padStart(6, '0');
    const address = harness.server.clients.byId(2)?.peerAddress;
    expect(set).toBe(`${seconds}.${rest} [2 ${address}] "SET" "\\x00\\"\\\\\\xff" "\\r\\n\\a"`);
  });

  it('shows commands in the order in which they run, one message for all monitors', () => {
    const harness = new Harness();
    const monitors = Array.from({ length: 3 }, () => harness.connect());
    for (const monitor of monitors) harness.call(monitor, 'MONITOR');
    for (const monitor of monitors) monitor.takeReplies();
    const [a, b] = [harness.connect(), harness.connect()];
    a.receive('SET k 1\r\nGET k\r\n');
    b.receive('PING\r\n');
    for (const monitor of monitors) {
      expect(lines(monitor).map((line) => line.replace(/^.*\] /, ''))).toEqual([
        '"SET" "k" "1"',
        '"GET" "k"',
        '"PING"',
      ]);
    }
  });

  it('costs nothing once the last monitor has gone', () => {
    const harness = new Harness();
    const monitor = harness.connect();
    harness.call(monitor, 'MONITOR');
    expect(harness.server.executor.pushes.observers).toBe(1);
    monitor.hangUp();
    expect(harness.server.executor.pushes.observers).toBe(0);
  });

  it('shows nothing to a client that says QUIT', () => {
    const harness = new Harness();
    const monitor = harness.connect();
    monitor.receive('MONITOR\r\nPING\r\nQUIT\r\n');
    expect(lines(monitor).map((line) => line.replace(/^.*\] /, ''))).toEqual(['OK', 'PONG', '"PING"', 'OK']);
    expect(monitor.closed).toBe(true);
  });
});
