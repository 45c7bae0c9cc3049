import { effect } from "@preact/signals";

/** Shows how many visitors are waiting, in the page's title and on its icon. */
export function showWaitingCount(waiting: () => number) {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  const plainIcon = link?.href;
  effect(() => {
    const count = waiting();
    document.title = count ? `(${count}) Shoptalk` : "Shoptalk";
    if (link && plainIcon) link.href = count ? drawIcon(count) : plainIcon;
  });
}

function drawIcon(count: number): string {
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
  context.fillText(count > 9 ? "9+" : `${count}`, 40, 42);
  return canvas.toDataURL();
}
