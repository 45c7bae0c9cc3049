import type { Clock } from "../clock";

interface Timer {
  at: number;
  then: () => void;
}

/** A clock that moves only when the test moves it. */
export class FakeClock implements Clock {
  #now = 0;
  #timers: Timer[] = [];

  now() {
    return this.#now;
  }

  after(ms: number, then: () => void) {
    const timer = { at: this.#now + ms, then };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** How many timers are set. */
  get pending() {
    return this.#timers.length;
  }

  /** When the next timer fires, in ms from now. */
  get next() {
    return Math.min(...this.#timers.map(({ at }) => at)) - this.#now;
  }

  /** Moves time on; timers fire when they are due, also those set meanwhile. */
  pass(ms: number) {
    const until = this.#now + ms;
    for (;;) {
      const [due] = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (!due) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.at);
      due.then();
    }
    this.#now = until;
  }

  /** The machine sleeps: time passes, but timers stop for as long. */
  sleep(ms: number) {
    this.#now += ms;
    for (const timer of this.#timers) timer.at += ms;
  }
}
