/** What the declarations of stream commands share. */
import type { ArgumentDoc } from '../command.js';
import { token } from '../generic/declare.js';

export const STREAM = { group: 'stream', acl: ['stream'] } as const;

export const GROUP: ArgumentDoc = { name: 'group', type: 'string' };
export const GROUP_NAME: ArgumentDoc = { name: 'groupname', type: 'string' };
export const CONSUMER: ArgumentDoc = { name: 'consumer', type: 'string' };
export const ID: ArgumentDoc = { name: 'id', type: 'string' };
export const IDS: ArgumentDoc = { ...ID, flags: ['multiple'] };
export const START: ArgumentDoc = { name: 'start', type: 'string' };
export const END: ArgumentDoc = { name: 'end', type: 'string' };
export const MIN_IDLE_TIME: ArgumentDoc = { name: 'min-idle-time', type: 'string' };

export const COUNT: ArgumentDoc = { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] };

export const FIELDS_AND_VALUES: ArgumentDoc = {
  name: 'field_value',
  type: 'block',
  flags: ['multiple'],
  arguments: [
    { name: 'field', type: 'string' },
    { name: 'value', type: 'string' },
  ],
};

export function optionalToken(name: string): ArgumentDoc {
  return token(name, { flags: ['optional'] });
}

/** MAXLEN or MINID with their options. */
export function trimDoc(): ArgumentDoc {
  return {
    name: 'trim',
    type: 'block',
    arguments: [
      { name: 'strategy', type: 'oneof', arguments: [token('maxlen'), token('minid', { since: '6.2.0' })] },
      {
        name: 'operator',
        type: 'oneof',
        flags: ['optional'],
        arguments: [
          { name: 'equal', type: 'pure-token', token: '=' },
          { name: 'approximately', type: 'pure-token', token: '~' },
        ],
      },
      { name: 'threshold', type: 'string' },
      { name: 'count', type: 'integer', token: 'LIMIT', since: '6.2.0', flags: ['optional'] },
    ],
  };
}
