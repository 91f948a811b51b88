/** The server's clock as this page knows it: from what it last told, which is never ahead of what it is. */

const KEPT = 5;

export class ServerClock {
  private offsets: number[] = [];

  /** Another connection, perhaps to another server. */
  anew(): void {
    this.offsets = [];
  }

  /** It has told its time, in seconds. */
  heard(clock_s: number): void {
    this.offsets = [...this.offsets.slice(1 - KEPT), clock_s - performance.now() / 1000];
  }

  /** Its time at a moment of this page's clock; null where it has told none. */
  at(nowMs: number): number | null {
    return this.offsets.length ? nowMs / 1000 + Math.max(...this.offsets) : null;
  }
}
