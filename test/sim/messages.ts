/** What travels between the hosts of a simulation. */
import type { AdminCommand } from '../../src/cluster/core/admin.js';
import type { Store } from './store.js';

export const PORT = 6379;
export const BUS_PORT = 16379;

/** What clients and operators ask of a node. */
export type Request =
  | {
      readonly kind: 'set';
      readonly slot: number;
      readonly key: string;
      readonly value: string;
      readonly asking: boolean;
    }
  | { readonly kind: 'admin'; readonly command: AdminCommand }
  | { readonly kind: 'keysInSlot'; readonly slot: number; readonly count: number }
  /** MIGRATE of one key. */
  | { readonly kind: 'migrate'; readonly slot: number; readonly key: string; readonly toIp: string }
  | { readonly kind: 'restore'; readonly slot: number; readonly key: string; readonly value: string };

/** `text` as a client sees it: OK, MOVED <ip>, ASK <ip>, CLUSTERDOWN, an error ... */
export interface Reply {
  readonly text: string;
  readonly keys?: readonly string[];
}

export type Message =
  /** A frame of the cluster bus. */
  | Uint8Array
  | { readonly kind: 'request'; readonly id: number; readonly request: Request }
  | { readonly kind: 'reply'; readonly id: number; readonly reply: Reply }
  /** A replica's word to its master, and a line of the master's answer. */
  | { readonly kind: 'command'; readonly args: readonly string[] }
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'snapshot'; readonly store: Store }
  | { readonly kind: 'stream'; readonly bytes: Buffer };
