import type { Config } from '../config/config.js';

/** What `ps` shows of this process, by `proc-title-template`: `shoal-server 127.0.0.1:7000 [cluster]`. */
export function processTitle({ values }: Config, configFile: string): string {
  const { bind, port, unixsocket } = values;
  const variables: Readonly<Record<string, string>> = {
    title: 'shoal-server',
    'listen-addr': port === 0 && unixsocket !== '' ? `unixsocket:${unixsocket}` : `${bind[0] ?? '*'}:${port}`,
    'server-mode': values['cluster-enabled'] ? '[cluster]' : '',
    port: String(port),
    'tls-port': String(values['tls-port']),
    unixsocket,
    'config-file': configFile,
  };
  return values['proc-title-template']
    .replace(/\{\{|\{([^}]*)\}/g, (whole, name: string | undefined) =>
      whole === '{{' ? '{' : (variables[name ?? ''] ?? ''),
    )
    .trim();
}
