/**
 * How the entries of a coordinator are written down as records of its topic. Equal keys name the same thing: of two
 * records with one key only the later one counts, and compaction drops the other.
 */
export interface EntryCodec<Entry> {
  encode(entry: Entry): { readonly key: Uint8Array; readonly value: Uint8Array | null };
  /** Undefined for what a later release wrote and this one passes over. Throws for bytes that are no record. */
  decode(key: Uint8Array, value: Uint8Array | null): Entry | undefined;
}
