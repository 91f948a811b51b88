/** Nodespaces: open, make and rename them. */

import { command } from "./commands";
import { go } from "./editor";

export async function openExample(name: string): Promise<void> {
  if (await command({ type: "open_example", name })) go("editor");
}

export async function openSpace(name: string): Promise<void> {
  if (await command({ type: "open_space", name })) go("editor");
}

export async function newSpace(name: string): Promise<void> {
  if (await command({ type: "new_space", name })) go("editor");
}

export async function renameSpace(name: string): Promise<void> {
  await command({ type: "rename_space", name });
}
