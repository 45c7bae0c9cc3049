import { computed, effect, signal } from "@preact/signals";
import type { Summary } from "../../shared/protocol";
import { nameOf } from "./lobby-state";
import { settings } from "./settings";

/** Whether the browser lets sounds out; it wants a click or a key first. */
const audible = signal(false);
const permission = signal(typeof Notification === "undefined" ? "denied" : Notification.permission);
const audio = typeof AudioContext === "undefined" ? undefined : new AudioContext();

if (audio) {
  const wake = () =>
    void audio.resume().then(() => {
      audible.value = audio.state === "running";
    });
  audio.onstatechange = () => {
    audible.value = audio.state === "running";
  };
  audible.value = audio.state === "running";
  for (const type of ["pointerdown", "keydown"]) addEventListener(type, wake);
}

/** What stands between an agent and a missed customer, in words; empty when nothing does. */
export const muted = computed(() => {
  const { sound, notify } = settings.value;
  if (sound && !audible.value) return "Sound starts with your first click on this page";
  if (notify && permission.value === "denied") return "The browser blocks notifications";
  if (!sound && !notify) return "Sound and notifications are off";
  return "";
});

/** What the browser says about notifications. */
export const notifications = computed(() => permission.value);

/** Asks the browser; must be called from a click. */
export async function askToNotify() {
  permission.value = await Notification.requestPermission();
}

/** Rings in every way that is switched on. */
export function ring(title: string, body: string, open: () => void) {
  const { sound, notify } = settings.value;
  if (sound) chime();
  if (notify && permission.value === "granted") {
    try {
      const shown = new Notification(title, { body, tag: "shoptalk" });
      shown.onclick = () => {
        window.focus();
        open();
        shown.close();
      };
    } catch {
      // Phones have notifications for service workers only; sound and title remain.
      permission.value = "denied";
    }
  }
}

export const ringFor = (summary: Summary, open: () => void) =>
  ring(nameOf(summary), summary.last_message?.content ?? "", open);

let lastChime = Number.NEGATIVE_INFINITY;

function chime() {
  if (!audio || audio.currentTime - lastChime < 1) return;
  lastChime = audio.currentTime;
  for (const [index, pitch] of [784, 1047].entries()) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const from = audio.currentTime + index * 0.14;
    tone.type = "triangle";
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.18, from);
    volume.gain.exponentialRampToValueAtTime(0.001, from + 0.45);
    tone.connect(volume).connect(audio.destination);
    tone.start(from);
    tone.stop(from + 0.45);
  }
}

/** Shows how many customers wait in the title and on the page's icon. */
export function showCount(waiting: () => number) {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  const plain = link?.href;
  effect(() => {
    const count = waiting();
    document.title = count ? `(${count}) Shoptalk` : "Shoptalk";
    if (link && plain) link.href = count ? drawIcon(count) : plain;
  });
}

function drawIcon(count: number): string {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const brush = canvas.getContext("2d");
  if (!brush) return "";
  brush.fillStyle = "#2f55d4";
  brush.beginPath();
  brush.roundRect(0, 0, 64, 64, 16);
  brush.fill();
  brush.fillStyle = "#e0193f";
  brush.beginPath();
  brush.arc(40, 40, 24, 0, 7);
  brush.fill();
  brush.fillStyle = "#fff";
  brush.font = "bold 32px system-ui, sans-serif";
  brush.textAlign = "center";
  brush.textBaseline = "middle";
  brush.fillText(count > 9 ? "9+" : `${count}`, 40, 42);
  return canvas.toDataURL();
}
