/** The process: command line, configuration, daemon, signals, exit. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../base/clock.js';
import type { ShutdownOptions } from '../commands/context.js';
import { parseCommandLine } from '../config/argv.js';
import { Config } from '../config/config.js';
import { ConfigError, loadConfig } from '../config/reader.js';
import { CommandTable } from '../exec/commandTable.js';
import { createLogger, type Logger } from '../observability/logger.js';
import { banner, USAGE, VERSION_LINE } from './banner.js';
import { runCheck } from './check.js';
import { ALL_COMMANDS } from './commandList.js';
import { changeDirectory, configReaderHost } from './configFiles.js';
import { processTitle } from './processTitle.js';
import { Server } from './server.js';
import { findSupervisor, isSupervised } from './supervisor.js';
import { VERSION } from './version.js';

/** Set in the environment of the process that `daemonize yes` starts: it is the daemon. */
const DAEMON_MARK = 'SHOAL_DAEMON';

/** Set in the environment of the process that DEBUG RESTART starts: the pid it waits for, and how long after that. */
const RESTART_MARK = 'SHOAL_RESTART';
const RESTART_POLL_MS = 10;

/** Runs shoal-server with the arguments behind the program's name. */
export async function main(args: readonly string[]): Promise<void> {
  await afterRestart();
  const latin1Args = args.map((arg) => Buffer.from(arg, 'utf8').toString('latin1'));
  const commandLine = parseCommandLine(latin1Args);
  switch (commandLine.kind) {
    case 'version':
      return void process.stdout.write(VERSION_LINE);
    case 'help':
      return void process.stdout.write(USAGE);
    case 'check-system':
      return void process.stdout.write('[check-system] Nothing to check: Node.js runs here.\n');
    case 'check':
      process.exitCode = runCheck([commandLine.what, ...args.slice(1)]);
      return;
    case 'test-memory':
      process.stderr.write('--test-memory is not supported: use a memory tester of your system.\n');
      return exit(1);
    case 'error':
      process.stderr.write(commandLine.message.endsWith('\n') ? commandLine.message : `${commandLine.message}\n`);
      return exit(1);
    case 'run':
      return run(args, commandLine);
  }
}

interface RunRequest {
  readonly configFile: string | undefined;
  readonly stdin: boolean;
  readonly optionsText: string | undefined;
}

async function run(args: readonly string[], request: RunRequest): Promise<void> {
  const commands = new CommandTable(ALL_COMMANDS);
  const config = new Config({ directory: process.cwd(), changeDirectory });
  const configFile = request.configFile === undefined ? '' : path.resolve(request.configFile);
  const stdin = request.stdin ? fs.readFileSync(0, 'latin1') : undefined;
  let logger = stdoutLogger(config);
  try {
    const host = configReaderHost(commands, () => config.values.dir);
    const file = configFile === '' ? undefined : configFile;
    loadConfig(config, { file, stdin, options: request.optionsText }, host, `Shoal ${VERSION}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.channel === 'stderr') process.stderr.write(error.message);
    else logger.log('warning', error.message);
    return exit(1);
  }
  // systemd waits for this very process.
  const background = config.values.daemonize && !isSupervised(config.values.supervised, process.env);
  if (background && process.env[DAEMON_MARK] === undefined) return daemonize(args, stdin);
  logger = configuredLogger(config);
  await serve({ config, commands, configFile, logger, restart: (delayMs) => startAgain(args, stdin, delayMs) });
}

interface Setup {
  readonly config: Config;
  readonly commands: CommandTable;
  readonly configFile: string;
  readonly logger: Logger;
  restart(delayMs: number): void;
}

async function serve({ config, commands, configFile, logger, restart }: Setup): Promise<void> {
  announce(config, configFile, logger);
  const removePidFile = writePidFile(config, logger);
  const end = (code: number): void => {
    removePidFile();
    exit(code);
  };
  const executable = path.resolve(process.argv[1] ?? '');
  const log = logger.log.bind(logger);
  const supervisor = findSupervisor(config.values.supervised, process.env, log);
  const server = new Server({
    config,
    commands,
    clock: systemClock,
    logger,
    configFile,
    executable,
    supervisor,
    onExit: end,
    onRestart: restart,
  });
  handleSignals(server);
  process.on('uncaughtException', (error) => {
    logger.log('warning', `=== BUG REPORT === Uncaught error, the server stops: ${error.stack ?? error.message}`);
    end(1);
  });
  // Before it serves: whoever has been answered finds the title there.
  showTitle(config, configFile);
  supervisor?.status('Loading data');
  const problem = await server.start();
  if (problem === undefined) return supervisor?.ready();
  if (problem !== '') logger.log('warning', problem);
  await server.stop();
  end(1);
}

/** Names the process, as operators look for it in `ps`. */
function showTitle(config: Config, configFile: string): void {
  if (!config.values['set-proc-title']) return;
  const show = (): void => {
    process.title = processTitle(config, configFile);
  };
  for (const name of ['proc-title-template', 'bind', 'port'] as const) config.onChange(name, show);
  show();
}

/** The banner first: whoever starts the server looks for it on standard output. A log file gets one line instead. */
function announce(config: Config, configFile: string, logger: Logger): void {
  const { logfile, port, 'cluster-enabled': clusterMode } = config.values;
  if (logfile === '') process.stdout.write(banner(config, process.pid));
  logger.log('notice', 'oO0OoO0OoO0Oo Shoal is starting oO0OoO0OoO0Oo');
  logger.log('notice', `Shoal version=${VERSION}, bits=64, pid=${process.pid}, just started`);
  if (configFile !== '') logger.log('notice', 'Configuration loaded');
  else {
    logger.log(
      'warning',
      'Warning: no config file specified, using the default config. In order to specify a config file use shoal-server /path/to/redis.conf',
    );
  }
  if (logfile !== '') {
    logger.log('notice', `Running mode=${clusterMode ? 'cluster' : 'standalone'}, port=${port}. PID: ${process.pid}`);
  }
}

function handleSignals(server: Server): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (server.isEnding && signal === 'SIGINT') {
        server.log('warning', 'You insist... exiting now.');
        return exit(1);
      }
      server.log('warning', `Received ${signal} scheduling shutdown...`);
      if (server.shutdown(shutdownOptions(server, signal)) === undefined) return;
      server.log(
        'warning',
        `${signal} received but errors trying to shut down the server, check the logs for more information`,
      );
    });
  }
  process.on('SIGHUP', () => undefined);
}

/** What `shutdown-on-sigterm` and `shutdown-on-sigint` say. */
function shutdownOptions({ config }: Server, signal: 'SIGTERM' | 'SIGINT'): ShutdownOptions {
  const words = config.values[signal === 'SIGTERM' ? 'shutdown-on-sigterm' : 'shutdown-on-sigint'];
  const options: ShutdownOptions = { now: words.includes('now'), force: words.includes('force') };
  if (words.includes('save')) options.save = true;
  if (words.includes('nosave')) options.save = false;
  return options;
}

/** Writes the pid file of a daemon, or where one was asked for. Answers how to remove it. */
function writePidFile(config: Config, logger: Logger): () => void {
  const { pidfile, daemonize: isDaemon, dir } = config.values;
  if (pidfile === '' && !isDaemon) return () => undefined;
  const file = path.resolve(dir, pidfile === '' ? '/var/run/redis.pid' : pidfile);
  try {
    fs.writeFileSync(file, `${process.pid}\n`);
  } catch (error) {
    logger.log('warning', `Failed to write PID file: ${(error as Error).message}`);
    return () => undefined;
  }
  return () => {
    logger.log('notice', 'Removing the pid file.');
    fs.rmSync(file, { force: true });
  };
}

/** Node cannot fork: the daemon is a new process of the same program, in a session of its own. */
function daemonize(args: readonly string[], stdin: string | undefined): void {
  startProgram(args, stdin, { [DAEMON_MARK]: '1' }, 'ignore');
}

/** Nor can it exec: the program that starts again is another process, which waits for the end of this one. */
function startAgain(args: readonly string[], stdin: string | undefined, delayMs: number): void {
  startProgram(args, stdin, { [RESTART_MARK]: `${process.pid} ${delayMs}` }, 'inherit');
}

function startProgram(
  args: readonly string[],
  stdin: string | undefined,
  env: Readonly<Record<string, string>>,
  output: 'ignore' | 'inherit',
): void {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
    detached: true,
    stdio: [stdin === undefined ? 'ignore' : 'pipe', output, output],
    env: { ...process.env, ...env },
  });
  if (stdin !== undefined) {
    child.stdin?.end(Buffer.from(stdin, 'latin1'), () => child.unref());
    return;
  }
  child.unref();
}

async function afterRestart(): Promise<void> {
  const [pid, delayMs] = (process.env[RESTART_MARK] ?? '').split(' ').map(Number);
  delete process.env[RESTART_MARK];
  if (pid === undefined || delayMs === undefined) return;
  while (isRunning(pid)) await sleep(RESTART_POLL_MS);
  await sleep(delayMs);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function stdoutLogger(config: Config): Logger {
  return createLogger({
    sink: (line) => fs.writeSync(1, line),
    level: config.values.loglevel,
    pid: process.pid,
    clock: systemClock,
    role: 'M',
  });
}

/** Logs where the configuration says. The file is opened for each line, so that log rotation needs no signal. */
function configuredLogger(config: Config): Logger {
  const { logfile, dir, loglevel } = config.values;
  const file = logfile === '' ? undefined : path.resolve(dir, logfile);
  const sink =
    file === undefined ? (line: string) => writeStdout(line) : (line: string) => fs.appendFileSync(file, line);
  return createLogger({ sink, level: loglevel, pid: process.pid, clock: systemClock, role: 'M' });
}

function writeStdout(line: string): void {
  try {
    fs.writeSync(1, line);
  } catch {
    // Nobody reads it any more (EPIPE), or not fast enough (EAGAIN): a lost log line must not end the server.
  }
}

function exit(code: number): void {
  process.exitCode = code;
  process.exit();
}
