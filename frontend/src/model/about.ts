/** What is said of the next run, and what of it is missing. */

import type { BeforeRunView } from "./wire.gen";

export interface About {
  sample: string;
  project: string;
  notes: string;
}

export const NOTHING_ASKED: BeforeRunView = { required: [], listed: false, samples: [], count: 0 };

/** What is asked for and was not said; the operator says who they are by signing in. */
export function missing(before: BeforeRunView, about: About): Array<keyof About> {
  return (["sample", "project", "notes"] as const).filter((field) => before.required.includes(field) && !about[field].trim());
}

/** The sample of that id on the list, in words; "" where it is not there. */
export function sampleText(before: BeforeRunView, id: string): string {
  const wanted = id.trim();
  const found = before.samples.find((each) => each.id === wanted) ?? before.samples.find((each) => each.id.toLowerCase() === wanted.toLowerCase());
  if (!found) return "";
  return [found.name, ...Object.entries(found.more).map(([column, text]) => `${column}: ${text}`)].filter(Boolean).join(" · ");
}

/** Whether a sample is named that the bench would not take. */
export function isUnlisted(before: BeforeRunView, id: string): boolean {
  const wanted = id.trim().toLowerCase();
  return before.listed && wanted !== "" && before.count === before.samples.length && !before.samples.some((each) => each.id.toLowerCase() === wanted);
}
