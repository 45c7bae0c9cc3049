interface Props {
  /** What the picture shows, for screen readers. */
  label: string;
  values: readonly number[];
  /** What each bar is, shown with the pointer on it. */
  titles: readonly string[];
}

const HEIGHT = 60;
/** The part of its place that a bar fills. */
const FILLED = 0.8;

/**
 * Bars over one another's rows. Some lines of SVG instead of a library: those for charts bring axes,
 * legends and styles of their own, and are larger than the whole dialog; here a table has the figures.
 */
export function Bars({ label, values, titles }: Props) {
  const largest = Math.max(1, ...values);
  return (
    <svg
      class="bars"
      role="img"
      aria-label={label}
      viewBox={`0 0 ${values.length} ${HEIGHT}`}
      preserveAspectRatio="none"
    >
      {values.map((value, index) => {
        const height = (value / largest) * HEIGHT;
        return (
          <rect key={index} x={index} y={HEIGHT - height} width={FILLED} height={height}>
            <title>{titles[index]}</title>
          </rect>
        );
      })}
    </svg>
  );
}
