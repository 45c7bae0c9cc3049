import type { Page } from "playwright-core";

/** A phone, for `Environment.profile`. */
export const PHONE = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
  deviceScaleFactor: 2,
};

/** Visible elements beyond the sides of the screen, or of a box that does not scroll. */
export const overflowing = (page: Page) =>
  page.evaluate(() => {
    const roots: (Document | ShadowRoot)[] = [document];
    const found: string[] = [];
    for (const root of roots) {
      for (const node of root.querySelectorAll<HTMLElement>("*")) {
        if (node.shadowRoot) roots.push(node.shadowRoot);
        if (!node.checkVisibility()) continue;
        const style = getComputedStyle(node);
        // Text for screen readers only.
        if (style.clipPath !== "none" || style.clip !== "auto") continue;
        let { left, right } = node.getBoundingClientRect();
        // What a box clips is not visible.
        for (let box = node.parentElement; box; box = box.parentElement) {
          if (getComputedStyle(box).overflowX === "visible") continue;
          const edge = box.getBoundingClientRect();
          [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
        }
        const sticksOut = left < -0.5 || right > innerWidth + 0.5;
        // A link for the keyboard waits outside until it has the focus.
        if (sticksOut && right > 0) {
          found.push(`${node.localName}.${node.className}: ${left} to ${right}`);
        }
      }
    }
    if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
    return found;
  });
