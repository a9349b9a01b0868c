import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InSyncSet, type InSyncProposal } from '../../src/partition/in-sync-set.js';

/** The controller: compare-and-set, at any later moment, of any request that was ever sent. */
class Controller {
  isr: readonly number[] = [1, 2, 3];
  partitionEpoch = 0;

  apply({ isr, partitionEpoch }: InSyncProposal): boolean {
    if (partitionEpoch !== this.partitionEpoch) return false;
    this.isr = isr;
    this.partitionEpoch += 1;
    return true;
  }
}

const members = fc.subarray([2, 3]).map((others) => [1, ...others]);
const step = fc.oneof(
  fc.record({ kind: fc.constant('propose' as const), isr: members }),
  fc.record({ kind: fc.constant('arrive' as const), which: fc.nat(9) }),
  fc.record({ kind: fc.constant('answer' as const), isLost: fc.boolean() }),
  fc.record({ kind: fc.constant('refuse' as const) }),
  fc.record({ kind: fc.constant('fence' as const), member: fc.constantFrom(2, 3) }),
  fc.record({ kind: fc.constant('hear' as const) }),
);

describe('what a leader takes for the in-sync set', () => {
  test('always holds whoever the controller has, or may come to have by what was asked of it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const controller = new Controller();
        const set = new InSyncSet(controller);
        /** Sent and not arrived: may arrive at any time, also long after it was given up. */
        const underWay: InSyncProposal[] = [];
        let open: { proposal: InSyncProposal; isApplied: boolean | undefined } | undefined;
        for (const one of steps) {
          if (one.kind === 'propose' && !set.isInFlight) {
            const proposal = set.propose(one.isr);
            underWay.push(proposal);
            open = { proposal, isApplied: undefined };
          } else if (one.kind === 'arrive' && underWay.length > 0) {
            const [proposal] = underWay.splice(one.which % underWay.length, 1);
            const isApplied = controller.apply(proposal!);
            if (open?.proposal === proposal) open!.isApplied = isApplied;
          } else if (one.kind === 'answer' && open !== undefined) {
            if (one.isLost || open.isApplied !== true) set.unknown(open.proposal);
            else set.adopt(controller);
            open = undefined;
          } else if (one.kind === 'refuse' && open !== undefined && open.isApplied === undefined) {
            // It arrived now, and was found wanting: a replica that is not eligible.
            underWay.splice(underWay.indexOf(open.proposal), 1);
            if (open.proposal.partitionEpoch === controller.partitionEpoch) set.refused(open.proposal);
            else set.unknown(open.proposal);
            open = undefined;
          } else if (one.kind === 'fence') {
            const isr = controller.isr.filter((member) => member !== one.member);
            if (isr.length < controller.isr.length)
              controller.apply({ isr, partitionEpoch: controller.partitionEpoch });
          } else if (one.kind === 'hear') {
            set.adopt(controller);
          }
          const isHeard = set.partitionEpoch === controller.partitionEpoch;
          // What the controller did meanwhile only ever takes members away, but for what the leader itself asked for.
          for (const member of controller.isr) expect(set.maximal, `${one.kind}: ${member}`).toContain(member);
          if (isHeard) {
            for (const { isr, partitionEpoch } of underWay) {
              if (partitionEpoch !== controller.partitionEpoch) continue;
              for (const member of isr) expect(set.maximal).toContain(member);
            }
          }
          for (const member of set.isr) expect(set.maximal).toContain(member);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('is the committed set again as soon as a newer partition epoch is seen', () => {
    const set = new InSyncSet({ isr: [1], partitionEpoch: 4 });
    set.unknown(set.propose([1, 2]));
    expect(set.isInDoubt).toBe(true);
    expect(set.maximal).toEqual([1, 2]);
    const second = set.propose([1, 3]);
    expect([...set.maximal].sort()).toEqual([1, 2, 3]);
    set.refused(second);
    expect(set.maximal).toEqual([1, 2]);
    expect(set.adopt({ isr: [1], partitionEpoch: 4 })).toBe(false);
    expect(set.adopt({ isr: [1, 3], partitionEpoch: 5 })).toBe(true);
    expect(set.maximal).toEqual([1, 3]);
    expect(set.isInDoubt).toBe(false);
  });

  test('an answer that comes after the metadata has overtaken it changes nothing', () => {
    const set = new InSyncSet({ isr: [1, 2], partitionEpoch: 0 });
    const proposal = set.propose([1]);
    set.adopt({ isr: [1, 2, 3], partitionEpoch: 7 });
    set.unknown(proposal);
    set.refused(proposal);
    expect(set.adopt({ isr: [1], partitionEpoch: 1 })).toBe(false);
    expect(set.maximal).toEqual([1, 2, 3]);
  });
});
