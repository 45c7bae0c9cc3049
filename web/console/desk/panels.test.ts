import { expect, it } from "vitest";
import { makePanels } from "./panels";

it("has one dialog open at a time", () => {
  const panels = makePanels({ showDetails: false });
  panels.open("keys");
  panels.open("settings");
  expect(panels.dialog.value).toBe("settings");
  panels.close("settings");
  expect(panels.dialog.value).toBeUndefined();
});

it("does not close a dialog when another one's close event comes late", () => {
  const panels = makePanels({ showDetails: false });
  panels.open("commands");
  panels.open("agents");
  panels.close("commands");
  expect(panels.dialog.value).toBe("agents");
});

it("shows and hides the details", () => {
  const panels = makePanels({ showDetails: true });
  panels.toggleDetails();
  expect(panels.details.value).toBe(false);
});
