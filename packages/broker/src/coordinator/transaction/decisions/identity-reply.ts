/** The answer to a producer that asks for its next identity. */
export type IdentityReply =
  | { readonly kind: 'identity'; readonly producerId: number; readonly producerEpoch: number }
  /** A transaction is being ended first: ask again when it is. */
  | { readonly kind: 'ending' }
  /** Ask again with a new producer id. */
  | { readonly kind: 'producer-id-needed' };

export const endingReply = { kind: 'ending' } as const;
export const producerIdNeeded = { kind: 'producer-id-needed' } as const;
