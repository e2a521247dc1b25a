/** Whether two nodes hold the same values under the same keys. */
import { NodeCallError, type NodeClient, type RawReply } from '../node-client.js';

const MISSING = '0'.repeat(40);

/**
 * The keys that both nodes hold with different values. DEBUG DIGEST-VALUE compares values whatever their encoding; where it
 * is not allowed, DUMP does, for which equal values may look different but never the other way round.
 */
export async function keysThatDiffer(a: NodeClient, b: NodeClient, keys: readonly Buffer[]): Promise<Buffer[]> {
  const [first, second] = (await digests(a, b, keys)) ?? (await Promise.all([dumps(a, keys), dumps(b, keys)]));
  return keys.filter((_, i) => {
    const [left, right] = [first[i], second[i]];
    return left !== undefined && right !== undefined && left !== right;
  });
}

type Fingerprints = readonly (string | undefined)[];

async function digests(a: NodeClient, b: NodeClient, keys: readonly Buffer[]): Promise<Fingerprints[] | undefined> {
  try {
    const replies = await Promise.all([a, b].map((node) => node.callRaw(['DEBUG', 'DIGEST-VALUE', ...keys])));
    return replies.map((reply) => (reply as Buffer[]).map(String).map((text) => (text === MISSING ? undefined : text)));
  } catch (error) {
    if (error instanceof NodeCallError && error.isReply) return undefined;
    throw error;
  }
}

async function dumps(node: NodeClient, keys: readonly Buffer[]): Promise<Fingerprints> {
  // Where the slot is only being imported, ASKING opens the door, for one command each.
  const replies = await node.callAll(keys.flatMap((key) => [['ASKING'], ['DUMP', key]]));
  return keys.map((_, i) => fingerprint(replies[2 * i + 1]));
}

function fingerprint(reply: RawReply | NodeCallError): string | undefined {
  if (reply instanceof NodeCallError) throw reply;
  return reply === null ? undefined : (reply as Buffer).toString('latin1');
}
