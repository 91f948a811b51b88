import { useMemo } from "react";
import { fitsScope } from "../../model/scope";
import type { LibraryEntry } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";

const NONE: LibraryEntry[] = [];

/** What can be put on the canvas as it is open now. */
export function useLibrary(): LibraryEntry[] {
  const library = useEditor((state) => state.graph?.library) ?? NONE;
  const scope = useEditor((state) => state.scope);
  return useMemo(() => library.filter((entry) => fitsScope(entry.key, scope)), [library, scope]);
}
