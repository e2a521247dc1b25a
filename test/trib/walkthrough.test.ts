/** Six hosts, one port: the operator's case. On Linux 127.0.0.1 to 127.0.0.6 stand for the hosts. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { withoutWaiting } from '../support/transcript.js';
import { describeServers, startNode, type TestNode, trib } from './nodes.js';

const noSixHosts = process.platform === 'linux' ? undefined : 'only Linux serves all of 127.0.0.0/8';

describeServers(
  'six hosts in the order of their addresses',
  (server) => {
    let nodes: TestNode[] = [];
    let ids: string[] = [];

    beforeAll(async () => {
      const port = String(await freePort());
      const hosts = [1, 2, 3, 4, 5, 6].map((i) => `127.0.0.${i}`);
      // The nodes call each other from 127.0.0.1, as hosts behind one address would: so each says who it is.
      nodes = await Promise.all(
        hosts.map((host) => startNode(server, { port, bind: host, 'cluster-announce-ip': host })),
      );
      ids = await Promise.all(nodes.map(async (node) => String(await node.call('CLUSTER', 'MYID'))));
    });
    afterAll(async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    });

    it('are joined with the transcript that the operators saw', async () => {
      const blocks = [
        '13653-16383 (2731',
        '10923-13652 (2730',
        '8192-10922 (2731',
        '5461-8191 (2731',
        '2731-5460 (2730',
        '0-2730 (2731',
      ].map((slots, i) => [`M: ${ids[i]} ${nodes[i].address}`, `   slots:${slots} slots) master`]);
      const addresses = nodes.map(({ address }) => address);
      const { code, out } = await trib(`create ${addresses.join(' ')}`, { stdin: 'yes\n' });
      expect(withoutWaiting(out).split('\n')).toEqual([
        '>>> Creating cluster',
        '>>> Performing hash slots allocation on 6 nodes...',
        'Using 6 masters:',
        ...addresses.toReversed(),
        ...blocks.flat(),
        "Can I set the above configuration? (type 'yes' to accept): yes",
        '>>> Nodes configuration updated',
        '>>> Assign a different config epoch to each node',
        '>>> Sending CLUSTER MEET messages to join the cluster',
        'Waiting for the cluster to join...',
        `>>> Performing Cluster Check (using node ${addresses[0]})`,
        ...blocks.flatMap((block) => [...block, '   0 additional replica(s)']),
        '[OK] All nodes agree about slots configuration.',
        '>>> Check for open slots...',
        '>>> Check slots coverage...',
        '[OK] All 16384 slots covered.',
        '',
      ]);
      expect(code).toBe(0);
    });

    it('then list each other as connected, with epochs 1 to 6', async () => {
      for (const node of nodes) {
        const lines = String(await node.call('CLUSTER', 'NODES'))
          .trim()
          .split('\n');
        const fields = lines.map((line) => line.split(' '));
        expect(fields.map(([id]) => id).sort()).toEqual(ids.toSorted());
        expect(fields.map((line) => line[6]).sort()).toEqual(['1', '2', '3', '4', '5', '6']);
        for (const line of fields) expect(line[7]).toBe('connected');
      }
    });
  },
  noSixHosts,
);
