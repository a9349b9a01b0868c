/** A promise together with the two functions that settle it. Settling it again does nothing. */
export interface Completion<Value> {
  readonly promise: Promise<Value>;
  readonly isSettled: boolean;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

export function completion<Value = void>(): Completion<Value> {
  let settle!: (value: Value) => void;
  let fail!: (error: unknown) => void;
  let isSettled = false;
  const promise = new Promise<Value>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  return {
    promise,
    get isSettled() {
      return isSettled;
    },
    resolve(value) {
      isSettled = true;
      settle(value);
    },
    reject(error) {
      isSettled = true;
      fail(error);
    },
  };
}
