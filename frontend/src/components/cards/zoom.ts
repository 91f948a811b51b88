import { createContext, useContext } from "react";

/** Below this zoom nothing on a card can be read: its name, its place and its wires are drawn, no more. */
const SMALL = 0.4;

export function isSmall(state: { transform: [number, number, number] }): boolean {
  return state.transform[2] < SMALL;
}

/** Whether cards are drawn small. Given once by the canvas: a thousand cards need not watch its zoom. */
export const Small = createContext(false);

export function useSmall(): boolean {
  return useContext(Small);
}
