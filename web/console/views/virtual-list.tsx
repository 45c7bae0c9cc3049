import type { VNode } from "preact";
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props<T> {
  items: readonly T[];
  /** In pixels; all rows have the same height. */
  rowHeight: number;
  label: string;
  /** The index of the row to scroll to when it changes; -1 for none. */
  current: number;
  row: (item: T, index: number) => VNode;
  keyOf: (item: T) => string;
  /** The row's name for screen readers. */
  labelOf: (item: T) => string;
  /** Called when the end of the list is near. */
  loadMore: () => void;
}

/** Rows beyond either edge, shown until the next rendering. */
const SPARE_ROWS = 6;
/** More is loaded this many rows before the end. */
const NEAR_END_ROWS = 20;

/** A list that renders only the rows in view: ten thousand cost as much as twenty. */
export function VirtualList<T>({
  items,
  rowHeight,
  label,
  current,
  row,
  keyOf,
  labelOf,
  loadMore,
}: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const updateView = useCallback(() => {
    const { scrollTop = 0, clientHeight: height = 0 } = box.current ?? {};
    // Renders once per row, not per pixel.
    const top = Math.floor(scrollTop / rowHeight) * rowHeight;
    setView((before) =>
      top === before.top && height === before.height ? before : { top, height },
    );
  }, [rowHeight]);
  useLayoutEffect(() => {
    const resized = new ResizeObserver(updateView);
    if (box.current) resized.observe(box.current);
    return () => resized.disconnect();
  }, [updateView]);
  useLayoutEffect(() => {
    if (current < 0 || !box.current) return;
    const { scrollTop, clientHeight } = box.current;
    const top = current * rowHeight;
    if (top < scrollTop) box.current.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight) {
      box.current.scrollTop = top + rowHeight - clientHeight;
    }
  }, [current]);
  const first = Math.max(0, view.top / rowHeight - SPARE_ROWS);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + SPARE_ROWS);
  useLayoutEffect(() => {
    if (last >= items.length - NEAR_END_ROWS) loadMore();
  }, [last, items.length]);
  return (
    <div class="virtual" ref={box} onScroll={updateView} tabIndex={-1}>
      <ul aria-label={label} style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(first, last).map((item, index) => (
          <li
            key={keyOf(item)}
            style={{
              transform: `translateY(${(first + index) * rowHeight}px)`,
              height: `${rowHeight}px`,
            }}
            aria-label={labelOf(item)}
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
