/**
 * Runs scenarios: text files of commands, each followed by `----` and what happened. Nothing moves by itself: messages
 * and syncs wait until a command lets them go on.
 *
 *     cluster voters=3 observers=1   replicas 1 to 4; all disks are new
 *     elect 1                        `campaign 1` and `settle`, of which nothing is printed
 *     campaign 1                     an election timeout passes for replica 1 (for an observer: it asks for the log)
 *     heartbeat 1                    a heartbeat interval passes for replica 1
 *     tick 1                         replica 1 looks at the time
 *     wait 500                       time passes, and nobody is told
 *     propose 1 a b                  replica 1 appends records `a` and `b` as one entry
 *     sync 1                         what replica 1 changed until now is on its disk
 *     deliver [to=2] [from=1]        messages that wait arrive, oldest first; those that they cause wait
 *     drop [to=2] [from=1]           they are lost
 *     settle                         sync and deliver until nothing waits
 *     crash 1                        unsynced changes are lost
 *     restart 1
 *     wipe 1                         comes back with an empty disk
 *     add 1 4, remove 1 2            asks replica 1 to change the voters
 *     gone 2 1                       replica 2 hears that the process of node 1 has ended
 *     transfer 1 2, read 1, compact 1
 *     state                          one line for each replica
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { assert } from '@millrace/base';
import { membership, noMembership } from '../src/membership.js';
import type { RaftMessage } from '../src/messages.js';
import { isSameReplica, replicaKey, type ReplicaKey } from '../src/replica.js';
import { raftSettings } from '../src/settings.js';
import { Checker } from './simulation/checker.js';
import { describe } from './simulation/cluster.js';
import { type ReplicaHost, SimulatedReplica } from './simulation/simulated-replica.js';

const separator = '----';

/** What the scenario prints now; with `rewrite`, the file is changed to say the same. */
export function runScenario(path: string, isRewrite: boolean): { readonly expected: string; readonly actual: string } {
  const expected = readFileSync(path, 'utf8');
  const scenario = new Scenario();
  const blocks = expected.split('\n\n').map((block) => {
    const lines = block.trimEnd().split('\n');
    const end = lines.indexOf(separator);
    if (end === -1) return block.trimEnd();
    const commands = lines.slice(0, end);
    for (const line of commands) if (!line.startsWith('#')) scenario.run(line);
    return [...commands, separator, ...scenario.takeOutput()].join('\n');
  });
  const actual = `${blocks.join('\n\n')}\n`;
  if (isRewrite && actual !== expected) writeFileSync(path, actual);
  return { expected, actual };
}

class Scenario {
  #output: string[] = [];
  #nowMs = 0;
  #waiting: RaftMessage[] = [];
  #syncs = new Map<number, number>();
  #flushes: SimulatedReplica[] = [];
  #replicas: SimulatedReplica[] = [];
  #nextId = 1;
  #wipes = 0;
  readonly #host: ReplicaHost = {
    settings: raftSettings({ maxEntryBytes: 64, maxMessageBytes: 100 }),
    checker: new Checker(),
    random: { fraction: () => 0, integer: (from) => from, bytes: (count) => new Uint8Array(count) },
    bootstrapIds: [1, 2, 3],
    defects: new Set(),
    nowMs: () => this.#nowMs,
    transmit: (from, message) => {
      this.#waiting.push(message);
      this.#print(`${from.key.id} -> ${describe(message)}`);
    },
    syncSoon: (replica, token) => {
      this.#syncs.set(replica.key.id, token);
    },
    flushSoon: (replica) => {
      this.#flushes.push(replica);
    },
    wake: () => undefined,
    answered: (replica, answer) => {
      const outcome = answer.error === undefined ? `done up to ${answer.position}` : answer.error.code;
      this.#print(`${replica.key.id} answers request ${answer.id}: ${outcome}`);
    },
    mark: (name) => {
      this.#print(`   (${name})`);
    },
    allReplicas: () => this.#replicas,
  };

  run(line: string): void {
    const [command, ...words] = line.split(' ');
    const number = (index: number): number => Number(words[index]);
    const option = (name: string): number | undefined => {
      const word = words.find((candidate) => candidate.startsWith(`${name}=`));
      return word === undefined ? undefined : Number(word.slice(name.length + 1));
    };
    switch (command) {
      case 'cluster':
        this.#cluster(option('voters') ?? 0, option('observers') ?? 0);
        break;
      case 'elect':
        this.run(`campaign ${words[0]}`);
        this.run('settle');
        this.#output = [];
        break;
      case 'campaign':
        this.#nowMs += this.#host.settings.electionTimeoutMs * 2;
        this.#replica(number(0)).step({ kind: 'tick' });
        break;
      case 'heartbeat':
        this.#nowMs += this.#host.settings.heartbeatIntervalMs;
        this.#replica(number(0)).step({ kind: 'tick' });
        break;
      case 'tick':
        this.#replica(number(0)).step({ kind: 'tick' });
        break;
      case 'wait':
        this.#nowMs += number(0);
        break;
      case 'propose':
        this.#request(number(0), (id) => ({
          kind: 'propose',
          id,
          records: words.slice(1).map((word) => Buffer.from(word)),
        }));
        break;
      case 'read':
        this.#request(number(0), (id) => ({ kind: 'read', id }));
        break;
      case 'add':
        this.#request(number(0), (id) => ({ kind: 'addVoter', id, replica: this.#replica(number(1)).key }));
        break;
      case 'remove':
        this.#request(number(0), (id) => ({ kind: 'removeVoter', id, replica: this.#voter(number(0), number(1)) }));
        break;
      case 'transfer':
        this.#request(number(0), (id) => ({ kind: 'transfer', id, to: number(1) }));
        break;
      case 'gone':
        this.#replica(number(0)).step({ kind: 'gone', id: number(1) });
        break;
      case 'compact':
        this.#replica(number(0)).compact(true);
        break;
      case 'sync':
        this.#sync(number(0));
        break;
      case 'deliver':
        this.#deliver(this.#take(option('from'), option('to')));
        break;
      case 'drop':
        this.#take(option('from'), option('to'));
        break;
      case 'settle':
        this.#settle();
        break;
      case 'crash':
        this.#syncs.delete(number(0));
        this.#replica(number(0)).crash();
        break;
      case 'restart':
        this.#replica(number(0)).start();
        break;
      case 'wipe':
        this.#wipe(number(0));
        break;
      case 'state':
        this.#printState();
        break;
      default:
        assert(false, `unknown command: ${line}`);
    }
    for (const replica of this.#flushes.splice(0)) replica.step({ kind: 'flush' });
  }

  takeOutput(): string[] {
    return this.#output.splice(0);
  }

  #cluster(voters: number, observers: number): void {
    const keys = Array.from({ length: voters + observers }, (_, index) => replicaKey(index + 1, 'a'));
    const members = membership(keys.slice(0, voters));
    this.#replicas = keys.map(
      (key, index) => new SimulatedReplica(key, index < voters ? members : noMembership, this.#host),
    );
    for (const replica of this.#replicas) replica.start();
  }

  #wipe(id: number): void {
    const index = this.#replicas.findIndex(({ key }) => key.id === id);
    this.#wipes += 1;
    const replica = new SimulatedReplica(replicaKey(id, `new${this.#wipes}`), noMembership, this.#host);
    this.#syncs.delete(id);
    this.#replicas[index] = replica;
    replica.start();
  }

  #request(id: number, event: (request: number) => Parameters<SimulatedReplica['step']>[0]): void {
    this.#replica(id).step(event(this.#nextId++));
  }

  #sync(id: number): void {
    const token = this.#syncs.get(id);
    if (token === undefined) return;
    this.#syncs.delete(id);
    this.#replica(id).synced(token);
  }

  #take(from: number | undefined, to: number | undefined): RaftMessage[] {
    const isTaken = (message: RaftMessage): boolean =>
      (from === undefined || message.from.id === from) && (to === undefined || message.to.id === to);
    const taken = this.#waiting.filter(isTaken);
    this.#waiting = this.#waiting.filter((message) => !isTaken(message));
    return taken;
  }

  #deliver(messages: readonly RaftMessage[]): void {
    for (const message of messages) {
      const replica = this.#replica(message.to.id);
      if (message.to.directoryId !== '' && !isSameReplica(message.to, replica.key))
        this.#print('   (meant for another disk)');
      replica.step({ kind: 'message', message });
    }
  }

  #settle(): void {
    for (let round = 0; this.#waiting.length > 0 || this.#syncs.size > 0; round += 1) {
      assert(round < 100, 'the scenario does not settle');
      for (const id of [...this.#syncs.keys()]) this.#sync(id);
      this.#deliver(this.#take(undefined, undefined));
      for (const replica of this.#flushes.splice(0)) replica.step({ kind: 'flush' });
    }
  }

  #printState(): void {
    for (const { key, core, role, applied } of this.#replicas) {
      const { log, commit, term, members } = core.state;
      const entries = log.entries(log.start).map(({ position, term: entryTerm, kind }) => {
        const suffix = { records: '', term: 'T', membership: 'M' }[kind];
        return `${position}/t${entryTerm}${suffix}`;
      });
      const voters = members.voters.map(({ id }) => id).join(',');
      this.#print(
        `${key.id}: ${role} t${term} commit=${commit} applied=${applied} voters=${voters} log ${log.start}: ${entries.join(' ')}`,
      );
    }
  }

  #print(line: string): void {
    this.#output.push(line);
  }

  #replica(id: number): SimulatedReplica {
    const replica = this.#replicas.find(({ key }) => key.id === id);
    assert(replica !== undefined, `no replica ${id}`);
    return replica;
  }

  /** The voter as `leader` knows it: it may be one whose disk is gone. */
  #voter(leader: number, id: number): ReplicaKey {
    const voter = this.#replica(leader).core.state.members.voters.find((candidate) => candidate.id === id);
    assert(voter !== undefined, `${id} is no voter`);
    return voter;
  }
}
