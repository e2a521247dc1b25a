/** trib over TLS, against redis-server: ours has no TLS yet. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { REDIS, skipAloud, startNode, type TestNode, trib } from './nodes.js';

const TITLE = 'trib over TLS';
const directory = mkdtempSync(join(tmpdir(), 'trib-tls-'));
const [certificate, key] = ['cert.pem', 'key.pem'].map((name) => join(directory, name));

/** Why it cannot be tried here; undefined when it can. Makes the certificate by the way. */
function obstacle(): string | undefined {
  if (REDIS.missing !== undefined) return REDIS.missing;
  if (spawnSync('openssl', ['version'], { stdio: 'ignore' }).status !== 0) return 'there is no openssl on PATH';
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', certificate];
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    ...subject,
    ...files,
  ]);
  if (made.status !== 0) return 'openssl makes no certificate';
  const probe = spawnSync('redis-server', ['--tls-port', '0', '--tls-cert-file', certificate, '--port', 'x'], {
    encoding: 'utf8',
  });
  return /Bad directive/.test(probe.stdout + probe.stderr) ? 'this redis-server has no TLS' : undefined;
}

const reason = obstacle();
skipAloud(TITLE, reason);

describe.skipIf(reason !== undefined)(TITLE, () => {
  let node: TestNode;
  let port = 0;
  beforeAll(async () => {
    // The plain port is for the test itself.
    node = await startNode(REDIS, {});
    await node.call('CONFIG', 'SET', 'tls-auth-clients', 'no');
    await node.call(
      'CONFIG',
      'SET',
      'tls-cert-file',
      certificate,
      'tls-key-file',
      key,
      'tls-ca-cert-file',
      certificate,
    );
    port = await freePort();
    await node.call('CONFIG', 'SET', 'tls-port', String(port));
  });
  afterAll(async () => {
    await node?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('reaches a node whose certificate it can check, or need not', async () => {
    const address = `127.0.0.1:${port}`;
    for (const options of [`--cacert ${certificate}`, '--insecure']) {
      const { code, out } = await trib(`info ${address} --tls ${options}`);
      expect(code, out).toBe(0);
      expect(out).toContain('[OK] 0 keys in 1 masters.\n');
    }
    const strict = await trib(`info ${address} --tls`);
    expect(strict.code).toBe(1);
    expect(strict.out).toContain('self-signed certificate');
    const missing = await trib(`info ${address} --tls --cacert ${directory}/nothing.pem`);
    expect(missing.code).toBe(1);
    expect(missing.out).toContain('nothing.pem');
  });

  it('shows a certificate of its own where one is asked for, and asks for another host than the address', async () => {
    await node.call('CONFIG', 'SET', 'tls-auth-clients', 'yes');
    const address = `127.0.0.1:${port}`;
    const own = await trib(`info ${address} --tls --cacert ${certificate} --cert ${certificate} --key ${key}`);
    expect(own.code, own.out).toBe(0);
    const none = await trib(`info ${address} --tls --cacert ${certificate}`);
    expect(none.code, none.out).toBe(1);
    await node.call('CONFIG', 'SET', 'tls-auth-clients', 'no');
    const elsewhere = await trib(`info ${address} --tls --cacert ${certificate} --sni elsewhere.invalid`);
    expect(elsewhere.code).toBe(1);
    expect(elsewhere.out).toContain('elsewhere.invalid');
  });
});
