/** The test and its clients, as an end of a wire: no node has this id. */
export const host = 0;
