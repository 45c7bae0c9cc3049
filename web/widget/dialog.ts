/** Helpers of the dialog that know nothing of the conversation. */

/** Keeps the Tab key inside of the dialog, in both directions. */
export function keepFocusInside(panel: HTMLElement, event: KeyboardEvent) {
  if (event.key !== "Tab") return;
  event.preventDefault();
  const stops = [...panel.querySelectorAll<HTMLElement>("*")].filter(
    (node) => node.tabIndex >= 0 && node.checkVisibility(),
  );
  if (event.shiftKey) stops.reverse();
  // The dialog itself is no stop, so the first one follows.
  const next = stops.indexOf(event.target as HTMLElement) + 1;
  (stops[next] ?? stops[0])?.focus();
}

/** Keeps the dialog of a phone as high as the part of the screen above the keyboard. */
export function keepAboveKeyboard(panel: HTMLElement) {
  const screen = visualViewport!;
  const follow = () => {
    panel.style.cssText = `--height:${screen.height}px;--top:${screen.offsetTop}px`;
  };
  for (const type of ["resize", "scroll"]) screen.addEventListener(type, follow);
}

/** Sets a text only when it has changed, so that a screen reader reads it once. */
export function setText(node: HTMLElement, text: string | false | undefined) {
  text ||= "";
  if (node.textContent !== text) node.textContent = text;
}
