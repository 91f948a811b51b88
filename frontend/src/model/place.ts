/** Where a new card finds room. */

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

const STEP = 48;
const RINGS = 12;
const GAP = 12;

/** The free place nearest to the one wanted; the wanted one where all around is taken. */
export function freePlace(wanted: Rect, taken: readonly Rect[]): { x: number; y: number } {
  for (let ring = 0; ring <= RINGS; ring++) {
    for (const [dx, dy] of around(ring)) {
      const place = { ...wanted, x: wanted.x + dx * STEP, y: wanted.y + dy * STEP };
      if (!taken.some((each) => overlaps(place, each))) return { x: Math.round(place.x), y: Math.round(place.y) };
    }
  }
  return { x: Math.round(wanted.x), y: Math.round(wanted.y) };
}

/** Steps on the edge of a square around the middle, nearest first. */
function around(ring: number): Array<[number, number]> {
  const steps: Array<[number, number]> = [];
  for (let dx = -ring; dx <= ring; dx++) {
    for (let dy = -ring; dy <= ring; dy++) if (Math.max(Math.abs(dx), Math.abs(dy)) === ring) steps.push([dx, dy]);
  }
  return steps.sort(([ax, ay], [bx, by]) => Math.hypot(ax, ay) - Math.hypot(bx, by));
}

function overlaps(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width + GAP && b.x < a.x + a.width + GAP && a.y < b.y + b.height + GAP && b.y < a.y + a.height + GAP;
}
