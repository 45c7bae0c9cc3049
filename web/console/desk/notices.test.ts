import { beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../shared/testing/clock";
import { makeNotices, type Notices } from "./notices";

let clock: FakeClock;
let notices: Notices;

beforeEach(() => {
  clock = new FakeClock();
  notices = makeNotices({ clock });
});

it("shows a toast for 8 s, and a new one for its own 8 s", () => {
  notices.showToast("first");
  clock.pass(5_000);
  notices.showToast("second");
  clock.pass(7_999);
  expect(notices.toast.value).toBe("second");
  clock.pass(1);
  expect(notices.toast.value).toBe("");
});

it("clears a banner when the server works again", () => {
  notices.showBanner(() => "The server is restarting.");
  expect(notices.banner.value).toEqual({ text: "The server is restarting.", isFinal: false });
  notices.clearBanner();
  expect(notices.banner.value).toBeUndefined();
});

it("keeps a final banner until it is dismissed", () => {
  notices.showBanner(() => "Your session has ended.", { isFinal: true });
  notices.clearBanner();
  expect(notices.banner.value?.isFinal).toBe(true);
  notices.dismissBanner();
  expect(notices.banner.value).toBeUndefined();
});
