/**
 * What lies between nodes: one link per direction, so that a partition can be one-way.
 *
 * A cut link loses nothing for good: TCP sends again, so bytes wait until it is healed.
 */
import type { RandomStream } from '@millrace/base';

export interface LinkOptions {
  /** Each piece of data takes a time between these two. */
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
  /** Capacity; unlimited when absent. */
  readonly bytesPerMs?: number;
}

export interface Link extends LinkOptions {
  readonly random: RandomStream;
  isCut: boolean;
  /** When the link has sent all it was given so far. */
  freeAtUs: number;
}

const loopback: LinkOptions = { delayMinMs: 0.01, delayMaxMs: 0.05 };

export class Links {
  /** By sender, then by receiver. */
  readonly #links = new Map<string, Map<string, Link>>();
  readonly #random: (name: string) => RandomStream;
  readonly #usual: LinkOptions;

  constructor(usual: LinkOptions, random: (name: string) => RandomStream) {
    this.#usual = usual;
    this.#random = random;
  }

  get(from: string, to: string): Link {
    return this.#links.get(from)?.get(to) ?? this.#add(from, to);
  }

  configure(from: string, to: string, options: LinkOptions): void {
    const { random, isCut, freeAtUs } = this.get(from, to);
    this.#links.get(from)?.set(to, { ...options, random, isCut, freeAtUs });
  }

  isCut(from: string, to: string): boolean {
    return this.get(from, to).isCut;
  }

  healAll(): void {
    for (const links of this.#links.values()) for (const link of links.values()) link.isCut = false;
  }

  /** How long this many bytes, sent now, take to arrive. */
  delayUs(from: string, to: string, options: { readonly nowUs: number; readonly sizeBytes: number }): number {
    const link = this.get(from, to);
    const min = Math.round(link.delayMinMs * 1000);
    const max = Math.max(Math.round(link.delayMaxMs * 1000), min);
    const travelUs = link.random.integer(min, max + 1);
    if (link.bytesPerMs === undefined) return travelUs;
    link.freeAtUs = Math.max(link.freeAtUs, options.nowUs) + (options.sizeBytes / link.bytesPerMs) * 1000;
    return Math.ceil(link.freeAtUs - options.nowUs) + travelUs;
  }

  #add(from: string, to: string): Link {
    const usual = from === to ? loopback : this.#usual;
    const link: Link = { ...usual, random: this.#random(`${from} to ${to}`), isCut: false, freeAtUs: 0 };
    const links = this.#links.get(from);
    if (links === undefined) this.#links.set(from, new Map([[to, link]]));
    else links.set(to, link);
    return link;
  }
}
