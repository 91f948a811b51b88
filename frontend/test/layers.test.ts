import { describe, expect, it } from "vitest";

const ALL = import.meta.glob<string>("../src/**/*.{ts,tsx,js,css}", { query: "?raw", import: "default", eager: true });
/** Generated from Python. */
const GENERATED = "model/wire.gen.ts";
const FILES = Object.entries(ALL).map(([path, text]) => ({ path: path.replace("../src/", ""), text }));

/** What a file imports, packages by name and files by their place under `src`. */
function imports({ path, text }: { path: string; text: string }): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, name = ""]) => (name.startsWith(".") ? at(path, name) : name));
}

function at(path: string, relative: string): string {
  return new URL(relative, `file:///${path}`).pathname.slice(1);
}

function offences(folder: string, isWrong: (imported: string) => boolean): string[] {
  const files = FILES.filter(({ path }) => path.startsWith(`${folder}/`));
  expect(files.length).toBeGreaterThan(5);
  return files.flatMap((file) => imports(file).filter(isWrong).map((imported) => `${file.path} imports ${imported}`));
}

const isView = (imported: string) => /^(react|react-dom|@xyflow\/|@radix-ui\/)/.test(imported) || imported.startsWith("components/");

describe("the direction of imports", () => {
  it("finds imports of each kind", () => {
    const text = 'import { a } from "../model/x";\nimport "./y.css";\nconst z = import("react");';
    expect(imports({ path: "store/s.ts", text })).toEqual(["model/x", "store/y.css", "react"]);
  });
  it("leads from model to nothing but model", () => {
    expect(offences("model", (imported) => isView(imported) || imported.startsWith("store/"))).toEqual([]);
  });
  it("leads from store to no component", () => {
    expect(offences("store", isView)).toEqual([]);
  });
});

describe("the size of things", () => {
  it("keeps every file that is written by hand at 600 lines or fewer", () => {
    const long = FILES.filter(({ path, text }) => path !== GENERATED && text.split("\n").length > 601);
    expect(long.map(({ path }) => path)).toEqual([]);
  });
  it("keeps every folder at 32 files or fewer", () => {
    const folders = FILES.map(({ path }) => path.slice(0, path.lastIndexOf("/")));
    expect(folders.filter((each) => folders.filter((other) => other === each).length > 32)).toEqual([]);
  });
});
