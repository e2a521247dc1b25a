import type { Command } from '../define.js';
import { publishCommands } from './publish.js';
import { pubsub } from './pubsub.js';
import { subscribeCommands } from './subscribe.js';

export const pubsubCommands: readonly Command[] = [...subscribeCommands, ...publishCommands, pubsub];
