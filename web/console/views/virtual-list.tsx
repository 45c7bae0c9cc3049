import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props<T> {
  items: readonly T[];
  /** Pixels of a row; all are of one height, so that a row's place is a product. */
  rowHeight: number;
  label: string;
  /** The row that must be in sight when it changes. */
  current: number;
  row: (item: T, index: number) => VNode;
  keyOf: (item: T) => string;
  /** What a screen reader calls the row. */
  nameOf: (item: T) => string;
  /** Called when the end comes near. */
  more: () => void;
}

/** Rows beyond either edge, for the time until the next frame. */
const SPARE = 6;

/** A list that makes only the rows in sight: ten thousand cost what twenty do. */
export function VirtualList<T>({
  items,
  rowHeight,
  label,
  current,
  row,
  keyOf,
  nameOf,
  more,
}: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const look = () => {
    const { scrollTop = 0, clientHeight = 0 } = box.current ?? {};
    // A new view for each row passed, not for each pixel.
    const top = Math.floor(scrollTop / rowHeight) * rowHeight;
    if (top !== view.top || clientHeight !== view.height) setView({ top, height: clientHeight });
  };
  useLayoutEffect(() => {
    const resized = new ResizeObserver(look);
    if (box.current) resized.observe(box.current);
    return () => resized.disconnect();
  });
  useLayoutEffect(() => {
    if (current < 0 || !box.current) return;
    const { scrollTop, clientHeight } = box.current;
    const top = current * rowHeight;
    if (top < scrollTop) box.current.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight) {
      box.current.scrollTop = top + rowHeight - clientHeight;
    }
  }, [current]);
  const first = Math.max(0, view.top / rowHeight - SPARE);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + SPARE);
  useLayoutEffect(() => {
    if (last >= items.length - 20) more();
  }, [last, items.length]);
  return (
    <div class="virtual" ref={box} onScroll={look} tabIndex={-1}>
      <ul aria-label={label} style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(first, last).map((item, index) => (
          <li
            key={keyOf(item)}
            style={{
              transform: `translateY(${(first + index) * rowHeight}px)`,
              height: `${rowHeight}px`,
            }}
            aria-label={nameOf(item)}
            aria-setsize={items.length}
            aria-posinset={first + index + 1}
          >
            {row(item, first + index)}
          </li>
        ))}
      </ul>
    </div>
  );
}
