/** Headers of a record, in the order they were added; one name may occur more than once. */
export type RecordHeaders = readonly (readonly [string, Uint8Array | string | null])[];

/** As {@link RecordHeaders}, as read: values are views of the batch's memory. */
export type ReadHeaders = readonly (readonly [string, Uint8Array | null])[];
