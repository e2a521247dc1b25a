/**
 * How long calls take, for INFO's commandstats, the latency histograms, the slow log and the latency monitor, at two or
 * three clock readings for a whole batch of requests: a reading costs as much as a tenth of a GET.
 *
 *   batch      GET   GET GET GET GET ... GET   SET   KEYS
 *   readings  ^    ^                         ^     ^     ^
 *              run 1: first call │ the rest    run 2  run 3      a run is a series of calls of one command
 *
 * The first call of a run is always timed by itself: without a pipeline, or where the command before was another one, each
 * call has its exact time. The calls behind it are timed together, as many as fit into JOINT_US by what the command has
 * taken so far; a command that usually takes longer than that is timed call by call. So a call that is slow among
 * quick ones of its own kind is noticed with its duration right to JOINT_US, but not which of the up to 64 calls it
 * was. After that the command's next calls are timed one by one for a while, so that what is slow repeatedly is caught in
 * the act. While somebody wants to know of calls below EXACT_BELOW_US, every call is timed by itself.
 *
 * What lies between the calls of a batch, parsing and gates, counts as a part of the call that follows.
 */
import type { Clock } from '../base/clock.js';
import { Histogram } from '../base/histogram.js';
import type { ResolvedCommand } from '../commands/context.js';
import type { Config } from '../config/config.js';

/** Calls that are expected to take this long together are timed together. */
const JOINT_US = 16;
const JOINT_CALLS_MAX = 64;
/** With a smaller threshold every call is timed by itself. */
const EXACT_BELOW_US = 1000;
/** So many calls of a command are timed by themselves after a slow one could not be told from its neighbours. */
const SUSPECT_CALLS = 1000;

/**
 * Told of `calls` calls that took longer than a threshold together. `exact`: it is one, it has just ended, and its arguments
 * are still there.
 */
export type SlowListener = (command: ResolvedCommand, durationUs: number, calls: number, exact: boolean) => void;

export class CallTimer {
  /** The command of the run under way. */
  running: ResolvedCommand | undefined;
  /** Calls until the clock is to be read: the caller counts down, and calls {@link read} at 0. */
  callsLeft = 0;
  /** What {@link callsLeft} was at the last reading. */
  #callsPlanned = 0;

  readonly #clock: Clock;
  readonly #config: Config;
  readonly #onSlow: SlowListener;
  #slowUs = Number.POSITIVE_INFINITY;
  #startUs = 0;
  #suspect: ResolvedCommand | undefined;
  #suspectCallsLeft = 0;

  constructor(clock: Clock, config: Config, onSlow: SlowListener) {
    this.#clock = clock;
    this.#config = config;
    this.#onSlow = onSlow;
    const refresh = (): void => this.#refreshThreshold();
    config.onChange('slowlog-log-slower-than', refresh);
    config.onChange('latency-monitor-threshold', refresh);
    this.#refreshThreshold();
  }

  #refreshThreshold(): void {
    const { 'slowlog-log-slower-than': slowUs, 'latency-monitor-threshold': latencyMs } = this.#config.values;
    const never = Number.POSITIVE_INFINITY;
    this.#slowUs = Math.min(slowUs < 0 ? never : slowUs, latencyMs === 0 ? never : latencyMs * 1000);
    // The calls that are still to come are not as many as was thought.
    if (this.#slowUs < EXACT_BELOW_US && this.callsLeft > 1) {
      this.#callsPlanned -= this.callsLeft - 1;
      this.callsLeft = 1;
    }
  }

  /** Begins a run: the next call is of another command than the last. */
  open(command: ResolvedCommand): void {
    const { running } = this;
    if (running === undefined) this.#startUs = this.#clock.monotonicUs();
    else this.#countRest(running);
    this.running = command;
    this.#plan(1);
  }

  /**
   * A call that is to be timed has just ended: its arguments are still there. `waits`: it has not, its client waits; then it
   * counts when it is served.
   */
  read(waits: boolean): void {
    const command = this.running;
    if (command === undefined) return;
    this.#count(command, this.#callsPlanned - this.callsLeft - (waits ? 1 : 0), true);
    this.#plan(this.#jointCalls(command));
  }

  /** Ends the batch, or the part of it before something that is no call. */
  close(): void {
    if (this.running !== undefined) this.#countRest(this.running);
    this.running = undefined;
  }

  /** Leaves the call under way, because it calls others. Gives what {@link resume} needs to go on with it. */
  suspend(): number {
    return this.#startUs;
  }

  /** The calls in between are over. What they took is a part of the outer call's time. */
  resume(command: ResolvedCommand, startUs: number): void {
    this.open(command);
    this.#startUs = startUs;
  }

  /** How many calls to time together next. */
  #jointCalls(command: ResolvedCommand): number {
    if (this.#slowUs < EXACT_BELOW_US) return 1;
    if (command === this.#suspect && --this.#suspectCallsLeft > 0) return 1;
    const usualUs = command.microseconds / Math.max(1, command.calls);
    if (usualUs * JOINT_CALLS_MAX <= JOINT_US) return JOINT_CALLS_MAX;
    return Math.max(1, Math.floor(JOINT_US / usualUs));
  }

  #plan(calls: number): void {
    this.callsLeft = calls;
    this.#callsPlanned = calls;
  }

  /** Counts the calls since the last reading, if there were any. */
  #countRest(command: ResolvedCommand): void {
    const calls = this.#callsPlanned - this.callsLeft;
    if (calls > 0) this.#count(command, calls, false);
  }

  /** `hasEnded`: the last of the calls just now. */
  #count(command: ResolvedCommand, calls: number, hasEnded: boolean): void {
    const nowUs = this.#clock.monotonicUs();
    const durationUs = nowUs - this.#startUs;
    this.#startUs = nowUs;
    command.microseconds += durationUs;
    if (this.#config.values['latency-tracking'] && calls > 0) {
      command.latency ??= new Histogram();
      command.latency.record(durationUs / calls, calls);
    }
    if (durationUs < this.#slowUs || calls === 0) return;
    const exact = hasEnded && calls === 1;
    if (!exact) {
      this.#suspect = command;
      this.#suspectCallsLeft = SUSPECT_CALLS;
    }
    this.#onSlow(command, durationUs, calls, exact);
  }
}
