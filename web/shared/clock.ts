/** Time as the connection and the outbox need it; tests move theirs by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary moment. Never goes back, and includes time asleep. */
  now(): number;
  /** Calls `then` once, after `ms`; the returned function cancels it. */
  after(ms: number, then: () => void): () => void;
}

/**
 * The browser's clock.
 *
 * `performance.now()` stops in some browsers while the machine sleeps, and `Date.now()` jumps
 * when somebody sets the clock. The larger step of the two is taken, so that neither can hide a
 * silence: a wrong step forward costs a reconnect, which is harmless.
 */
export function browserClock(): Clock {
  let steady = performance.now();
  let wall = Date.now();
  let total = 0;
  return {
    now() {
      const [steadyNow, wallNow] = [performance.now(), Date.now()];
      total += Math.max(steadyNow - steady, wallNow - wall);
      [steady, wall] = [steadyNow, wallNow];
      return total;
    },
    after(ms, then) {
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
  };
}
