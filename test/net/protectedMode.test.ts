import { describe, expect, it } from 'vitest';
import { FakeStream, Harness } from './harness.js';

class Stranger extends FakeStream {
  override readonly peerAddress = '192.0.2.9:50000';
  override readonly local = false;
}

/** What a client of another machine is told first. */
function greeting(directives: Readonly<Record<string, string>>): string {
  const harness = new Harness(directives);
  const stream = new Stranger();
  harness.connect(stream);
  if (!stream.closed) harness.call(stream, 'PING');
  return stream.closed ? stream.text : 'welcome';
}

describe('a client of another machine', () => {
  it('is refused while there is neither a password nor an address to listen on', () => {
    expect(greeting({})).toMatch(/^-DENIED Redis is running in protected mode/);
  });

  it('is welcome where the operator chose the addresses: the walk-through has no other line for it', () => {
    expect(greeting({ bind: '0.0.0.0' })).toBe('welcome');
  });

  it('is refused by a protected-mode that the operator asked for, whatever the addresses', () => {
    expect(greeting({ bind: '0.0.0.0', 'protected-mode': 'yes' })).toMatch(/^-DENIED/);
  });

  it('is welcome without protected mode', () => {
    expect(greeting({ 'protected-mode': 'no' })).toBe('welcome');
  });
});
