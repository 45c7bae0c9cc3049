import { effect } from "@preact/signals";
import type { Language } from "./language/language";

/** Shows how many visitors are waiting, in the page's title and on its icon. */
export function showWaitingCount({ t, format }: Language, waiting: () => number) {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  const plainIcon = link?.href;
  effect(() => {
    const count = waiting();
    document.title = count ? t("title.waiting", { count }) : t("bar.title");
    if (link && plainIcon)
      link.href = count ? drawIcon(count > 9 ? "9+" : format.number(count)) : plainIcon;
  });
}

function drawIcon(text: string): string {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d");
  if (!context) return "";
  context.fillStyle = "#2f55d4";
  context.beginPath();
  context.roundRect(0, 0, 64, 64, 16);
  context.fill();
  context.fillStyle = "#e0193f";
  context.beginPath();
  context.arc(40, 40, 24, 0, 7);
  context.fill();
  context.fillStyle = "#fff";
  context.font = "bold 32px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, 40, 42);
  return canvas.toDataURL();
}
