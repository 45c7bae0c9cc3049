/** Line drawings on a 24 by 24 grid. Screen readers ignore them and read the labels. */
const PATHS = {
  back: "M15 6l-6 6 6 6",
  bell: "M6 16v-5a6 6 0 1 1 12 0v5l2 2H4zM10 21h4",
  block: "M21 12a9 9 0 1 1-18 0a9 9 0 0 1 18 0M5.6 5.6l12.8 12.8",
  check: "M5 13l4 4L19 7",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  info: "M21 12a9 9 0 1 1-18 0a9 9 0 0 1 18 0M12 11v5M12 8v.01",
  keyboard: "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M7 14h10",
  note: "M5 4h14v10l-6 6H5zM13 20v-6h6M9 9h6M9 13h2",
  out: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  people:
    "M9 11a3.5 3.5 0 1 0 0-7a3.5 3.5 0 0 0 0 7M2.5 20a6.5 6.5 0 0 1 13 0M16 4.4a3.5 3.5 0 0 1 0 6.4M18 14.5a6.5 6.5 0 0 1 3.5 5.5",
  reopen: "M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5",
  search: "M11 18a7 7 0 1 0 0-14a7 7 0 0 0 0 14M20 20l-4-4",
  send: "M5 12l15-8-5 16-4-7z",
  settings:
    "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.5a2.5 2.5 0 1 0 0-5a2.5 2.5 0 0 0 0 5M9 19.5a2.5 2.5 0 1 0 0-5a2.5 2.5 0 0 0 0 5",
} as const;

/** Icons that point into the direction of reading. */
const MIRRORED: readonly string[] = ["back", "out", "send"] satisfies (keyof typeof PATHS)[];

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg
      class={MIRRORED.includes(name) ? "icon mirrored" : "icon"}
      viewBox="0 0 24 24"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
