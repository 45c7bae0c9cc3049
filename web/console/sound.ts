import { signal } from "@preact/signals";
import type { Sound } from "./desk/alerts";

/** At most one chime in this time. */
const PAUSE_S = 1;

/** The chime of this browser; silent where there is no Web Audio. */
export function makeSound(): Sound {
  const isAudible = signal(false);
  if (typeof AudioContext === "undefined") return { isAudible, play() {} };
  const audio = new AudioContext();
  let lastPlayed = Number.NEGATIVE_INFINITY;
  const update = () => {
    isAudible.value = audio.state === "running";
  };
  audio.onstatechange = update;
  update();
  const unlock = () => void audio.resume().then(update);
  for (const type of ["pointerdown", "keydown"]) addEventListener(type, unlock);

  return {
    isAudible,
    play() {
      if (audio.currentTime - lastPlayed < PAUSE_S) return;
      lastPlayed = audio.currentTime;
      for (const [index, frequency] of [784, 1047].entries()) {
        playTone(audio, frequency, audio.currentTime + index * 0.14);
      }
    },
  };
}

function playTone(audio: AudioContext, frequency: number, from: number) {
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.type = "triangle";
  tone.frequency.value = frequency;
  volume.gain.setValueAtTime(0.18, from);
  volume.gain.exponentialRampToValueAtTime(0.001, from + 0.45);
  tone.connect(volume).connect(audio.destination);
  tone.start(from);
  tone.stop(from + 0.45);
}
