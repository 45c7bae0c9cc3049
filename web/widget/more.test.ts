import { describe, expect, it } from "vitest";
import { backText } from "./more";

/** Monday, 5 January 2026, 15:30 of wherever this runs. */
const NOW = new Date(2026, 0, 5, 15, 30);

const at = (day: number, hour: number, minute = 0) =>
  new Date(2026, 0, day, hour, minute).toISOString();

const text = (backAt: string | null, languages: string[] = ["en-GB"]) =>
  backText(backAt, "en", languages, NOW);

describe("when the shop is back", () => {
  it("names today, tomorrow, a day of this week, or the date", () => {
    expect(text(at(5, 16, 5))).toBe("We are back today at 16:05");
    expect(text(at(6, 0))).toBe("We are back tomorrow at 00:00");
    expect(text(at(7, 9))).toBe("We are back on Wednesday at 09:00");
    expect(text(at(11, 9))).toBe("We are back on Sunday at 09:00");
    expect(text(at(12, 9))).toBe("We are back on 12 January at 09:00");
    expect(text(at(5 + 365, 9))).toBe("We are back on 5 January 2027 at 09:00");
  });

  it("is written as the visitor's browser writes times, in the language of the texts", () => {
    expect(text(at(6, 9), ["de-CH", "en-US"])).toMatch(/^We are back tomorrow at 09:00\sAM$/);
    expect(text(at(6, 9), ["fr"])).toMatch(/^We are back tomorrow at 09:00\sAM$/);
    expect(text(at(6, 9), ["eno", "en-GB"])).toBe("We are back tomorrow at 09:00");
  });

  it("is nothing while the shop is open, and once it is past", () => {
    expect(text(null)).toBe("");
    expect(text(at(5, 15, 30))).toBe("");
    expect(text(at(5, 15, 31))).not.toBe("");
  });
});
