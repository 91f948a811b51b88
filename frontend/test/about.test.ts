import { describe, expect, it } from "vitest";
import { isUnlisted, missing, NOTHING_ASKED, sampleText } from "../src/model/about";

const ASKED = { required: ["sample", "operator", "notes"], listed: true, samples: [{ id: "W7", name: "Wafer 7", more: { batch: "B2" } }], count: 1 };

describe("what is asked before a run", () => {
  it("is missing until it is said", () => {
    expect(missing(ASKED, { sample: " ", project: "", notes: "x" })).toEqual(["sample"]);
    expect(missing(NOTHING_ASKED, { sample: "", project: "", notes: "" })).toEqual([]);
  });
  it("tells what the list says of a sample", () => {
    expect(sampleText(ASKED, "w7 ")).toBe("Wafer 7 · batch: B2");
    expect(sampleText(ASKED, "W8")).toBe("");
  });
  it("knows a sample that is not on the list, but only where all are here", () => {
    expect([isUnlisted(ASKED, "W8"), isUnlisted(ASKED, "w7"), isUnlisted(ASKED, "")]).toEqual([true, false, false]);
    expect(isUnlisted({ ...ASKED, count: 9 }, "W8")).toBe(false);
  });
});
