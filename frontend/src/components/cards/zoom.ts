/** Below this zoom nothing on a card can be read: names, states and ports are drawn, no more. */
const SMALL = 0.4;

export function isSmall(state: { transform: [number, number, number] }): boolean {
  return state.transform[2] < SMALL;
}
