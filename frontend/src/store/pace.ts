/** When the page takes in and draws what streams: at once while it is idle, else at its own pace.
 *
 *  Guarantees that what is asked for is done, each task once per turn and in the order of their
 *  first asking, and that at least as long as a turn takes is left to everything else, E-STOP
 *  before all: a machine that draws slowly draws less often, and is not behind.
 */

/** No faster than this: nobody reads faster, and each drawing costs the run its processor. */
const LEAST_MS = 50;
/** No slower than this, however slow the machine. */
const MOST_MS = 400;
const HIDDEN_MS = 250;
const FRAME_WITHIN_MS = 1000;

export interface Surroundings {
  now(): number;
  after(ms: number, call: () => void): void;
  /** Before the next drawing, or a second later where none comes, as in a page out of sight. */
  frame(call: () => void): void;
  hidden(): boolean;
}

const page: Surroundings = {
  now: () => performance.now(),
  after: (ms, call) => void setTimeout(call, ms),
  frame: (call) => {
    const drawn = requestAnimationFrame(() => {
      clearTimeout(late);
      call();
    });
    const late = setTimeout(() => {
      cancelAnimationFrame(drawn);
      call();
    }, FRAME_WITHIN_MS);
  },
  hidden: () => document.hidden,
};

export class Pace {
  private readonly due = new Set<() => void>();
  private asked = false;
  private next = 0;

  constructor(private readonly around: Surroundings = page) {}

  /** Have a task done in the next turn; asked for by another one during a turn, still in that. */
  soon(task: () => void): void {
    this.due.add(task);
    if (this.asked) return;
    this.asked = true;
    const { around } = this;
    if (around.hidden()) return around.after(HIDDEN_MS, () => this.turn(around.now()));
    const wait = this.next - around.now();
    if (wait > 0) around.after(wait, () => this.draw());
    else this.draw();
  }

  /** Have a task done with what streams, at once where nothing does: for what need not have a frame. */
  along(task: () => void): void {
    if (this.asked || this.around.now() < this.next) this.soon(task);
    else task();
  }

  /** Leave the next `ms` to something else. */
  giveWay(ms: number): void {
    this.next = Math.max(this.next, this.around.now() + ms);
  }

  private draw(): void {
    const began = this.around.now();
    if (this.next > began) this.around.after(this.next - began, () => this.draw());
    else if (this.around.hidden()) this.turn(began);
    else this.around.frame(() => (this.next > this.around.now() ? this.draw() : this.turn(began)));
  }

  /** `began`: when the frame was asked for. One that comes late waited for those before it. */
  private turn(began: number): void {
    const again = this.doDue();
    this.asked = false;
    this.next = this.around.now() + LEAST_MS;
    // Styles, layout and painting come before whatever is asked for now.
    this.around.after(0, () => {
      const took = this.around.now() - began;
      this.next = Math.max(this.next, this.around.now() + Math.min(Math.max(took, LEAST_MS), MOST_MS));
    });
    again.forEach((task) => this.soon(task));
  }

  /** Do what is due, and what that asks for. Returns what was done and is asked for again. */
  private doDue(): Array<() => void> {
    const done = new Set<() => void>();
    // A set's iteration goes on to what is added meanwhile.
    for (const task of this.due) {
      if (done.has(task)) continue;
      this.due.delete(task);
      done.add(task);
      task();
    }
    const again = [...this.due];
    this.due.clear();
    return again;
  }
}

export const pace = new Pace();
