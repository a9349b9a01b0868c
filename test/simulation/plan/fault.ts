/**
 * What goes wrong, and when. Faults name roles rather than machines where they can, so that a plan means the same when
 * other parts of it are taken away. Each heals by itself after a while.
 */
import type { Fate } from '@millrace/testkit';

export type Fault =
  | CrashFault
  | KillFault
  | FailpointFault
  | RotFault
  | StopFault
  | PauseFault
  | DiskFullFault
  | DiskErrorFault
  | ShortWritesFault
  | SlowDiskFault
  | CutFault
  | IsolateFault
  | SwizzleFault
  | ResetFault
  | SlowLinkFault
  | RefuseFault
  | WallJumpFault
  | WallRateFault;

export type FaultKind = Fault['kind'];

/** One of the cluster's nodes: by its place, or by what it does at the moment of the fault. */
export type Victim =
  | { readonly role: 'node'; readonly index: number }
  | { readonly role: 'leader'; readonly topic: string; readonly partition: number }
  | { readonly role: 'controller' };

interface Scheduled {
  readonly atMs: number;
  readonly victim: Victim;
}

/** Power cut; with `isEverywhere` of all nodes at once. */
interface CrashFault extends Scheduled {
  readonly kind: 'crash';
  readonly fate: Fate;
  readonly downMs: number;
  readonly isEverywhere: boolean;
}

/** `kill -9`: the process is gone, the machine is not. */
interface KillFault extends Scheduled {
  readonly kind: 'kill';
  readonly downMs: number;
}

/** The process, or the power, ends at the n-th call of its disk from now on that matches; the call does nothing. */
interface FailpointFault extends Scheduled {
  readonly kind: 'failpoint';
  readonly call: 'sync' | 'write' | 'rename' | 'truncate' | 'syncDirectory' | 'removeFile' | 'open';
  /** Only files with such an end; empty for any. */
  readonly suffix: string;
  /** How many matching calls still succeed. */
  readonly after: number;
  readonly ending: 'kill' | 'power-cut';
  readonly fate: Fate;
  readonly downMs: number;
}

/** A file that can be made anew has a bit flipped while its process is down for a moment. */
interface RotFault extends Scheduled {
  readonly kind: 'rot';
  readonly suffix: string;
  /** Which of the matching files, and which of its bits, as shares of all. */
  readonly fileShare: number;
  readonly bitShare: number;
}

/** Stopped in order. */
interface StopFault extends Scheduled {
  readonly kind: 'stop';
  readonly downMs: number;
}

interface PauseFault extends Scheduled {
  readonly kind: 'pause';
  readonly forMs: number;
}

interface DiskFullFault extends Scheduled {
  readonly kind: 'disk-full';
  readonly forMs: number;
  /** What still fits. */
  readonly spareBytes: number;
}

/** Calls that fail. The operator restarts the node some time later, as after any hardware error. */
interface DiskErrorFault extends Scheduled {
  readonly kind: 'disk-error';
  readonly call: 'sync' | 'write' | 'read' | 'open' | 'rename' | 'truncate' | 'syncDirectory' | 'removeFile';
  /** Only files with such an end: `.log` for instance; empty for any. */
  readonly suffix: string;
  readonly code: 'EIO' | 'ENOSPC' | 'EMFILE';
  readonly times: number;
  readonly after: number;
  readonly restartAfterMs: number;
}

interface ShortWritesFault extends Scheduled {
  readonly kind: 'short-writes';
  readonly forMs: number;
  readonly share: number;
}

interface SlowDiskFault extends Scheduled {
  readonly kind: 'slow-disk';
  readonly forMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** Which of the victim's links. */
export type Peers = 'clients' | 'nodes' | 'all';

/** One direction of the victim's links goes silent. */
interface CutFault extends Scheduled {
  readonly kind: 'cut';
  readonly direction: 'from-victim' | 'to-victim';
  readonly peers: Peers;
  readonly forMs: number;
}

interface IsolateFault extends Scheduled {
  readonly kind: 'isolate';
  readonly peers: Peers;
  readonly forMs: number;
}

/** Links go silent one after another and come back in another order. */
interface SwizzleFault extends Scheduled {
  readonly kind: 'swizzle';
  readonly forMs: number;
  readonly salt: number;
}

interface ResetFault extends Scheduled {
  readonly kind: 'reset';
  readonly peers: Peers;
}

interface SlowLinkFault extends Scheduled {
  readonly kind: 'slow-link';
  readonly peers: Peers;
  readonly forMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly bytesPerMs: number;
}

interface RefuseFault extends Scheduled {
  readonly kind: 'refuse';
  readonly forMs: number;
}

interface WallJumpFault extends Scheduled {
  readonly kind: 'wall-jump';
  readonly byMs: number;
}

interface WallRateFault extends Scheduled {
  readonly kind: 'wall-rate';
  readonly rate: number;
}
