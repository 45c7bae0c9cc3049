/** Plays a short, soft note. Silent where the browser requires a click first. */
export function chime() {
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency: 780 });
  tone.connect(new GainNode(audio, { gain: 0.1 })).connect(audio.destination);
  tone.start();
  tone.stop(0.15);
  tone.onended = () => audio.close();
}
