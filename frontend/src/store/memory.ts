/** What this browser remembers between visits: theme, favourites, first steps. */

import { create } from "zustand";
import type { About } from "../model/about";

export type Theme = "system" | "light" | "dark";

export interface Memory {
  theme: Theme;
  favourites: string[];
  /** Newest first. */
  used: string[];
  hasRun: boolean;
  /** What is said of the next run: kept for the one after, but for the notes. */
  about: About;
  hintsOff: boolean;
}

const KEY = "funcnodes.editor";
const THEME_KEY = "funcnodes.theme";
const FRESH: Memory = { theme: "system", favourites: [], used: [], hasRun: false, about: { sample: "", project: "", notes: "" }, hintsOff: false };
const systemDark = matchMedia("(prefers-color-scheme: dark)");

function load(): Memory {
  try {
    const theme = localStorage.getItem(THEME_KEY);
    const rest = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Memory>;
    return { ...FRESH, ...rest, theme: theme === "light" || theme === "dark" ? theme : "system" };
  } catch {
    return FRESH;
  }
}

export const useMemory = create<Memory>()(load);

useMemory.subscribe(({ theme, ...rest }) => {
  try {
    localStorage.setItem(KEY, JSON.stringify(rest));
    if (theme === "system") localStorage.removeItem(THEME_KEY);
    else localStorage.setItem(THEME_KEY, theme);
  } catch {
    // A browser without storage forgets; nothing else depends on it.
  }
  paint();
});
systemDark.addEventListener("change", paint);

function paint(): void {
  const { theme } = useMemory.getState();
  document.documentElement.dataset.theme = theme === "system" ? (systemDark.matches ? "dark" : "light") : theme;
}

const set = useMemory.setState;
const USED = 5;

export const remember = {
  theme: (theme: Theme) => set({ theme }),
  ran: () => set({ hasRun: true }),
  about: (said: Partial<About>) => set(({ about }) => ({ about: { ...about, ...said } })),
  hintsOff: () => set({ hintsOff: true }),
  used: (key: string) => set(({ used }) => ({ used: [key, ...used.filter((each) => each !== key)].slice(0, USED) })),
  favourite: (key: string) =>
    set(({ favourites }) => ({
      favourites: favourites.includes(key) ? favourites.filter((each) => each !== key) : [...favourites, key],
    })),
};
