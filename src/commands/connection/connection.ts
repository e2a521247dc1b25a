import type { Command } from '../define.js';
import { auth, hello } from './auth.js';
import { client } from './client.js';
import { echo, ping, quit, reset, select } from './session.js';

export const connectionCommands: readonly Command[] = [auth, client, echo, hello, ping, quit, reset, select];
