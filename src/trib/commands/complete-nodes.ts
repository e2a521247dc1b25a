/** The nodes that a shell offers while a command line is being written. */
import { formatAddress, parseAddress } from '../address.js';
import { DEFAULT_DIR, placesOf, readShape } from '../local/folder.js';
import { type Connector, NodeClient } from '../node-client.js';
import { readView } from '../node-state.js';
import { isHandshake } from '../node-view.js';

/** Those of the cluster that `entry` belongs to; of the cluster of this machine when there is no entry or it does not answer. */
export async function nodesToComplete(connector: Connector, entry: string | undefined): Promise<string[]> {
  const address = entry === undefined ? 'none' : parseAddress(entry);
  const client = typeof address === 'string' ? undefined : await connector.connect(address);
  if (client instanceof NodeClient) {
    const { others } = await readView(client);
    const known = others.filter((node) => !isHandshake(node) && node.host !== '');
    return [client.name, ...known.map(({ host, port }) => formatAddress(host, port))];
  }
  const shape = readShape(DEFAULT_DIR);
  return shape === undefined ? [] : placesOf(DEFAULT_DIR, shape).map(({ port }) => formatAddress('127.0.0.1', port));
}
