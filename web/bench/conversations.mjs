/**
 * Conversations of a busy shop as the lines of an export, the same at each run except for the times:
 * 5 % spam, of the others 10 % waiting, 10 % closed, 80 % answered; two of three have an assignee,
 * two of three have tags.
 */

const AGENTS = ["mia", "ben", "chloe", "dan", "eva", "finn", "gil", "hana", "ida", "jon"];
const TAGS = ["order", "delivery", "return", "invoice", "size", "complaint", "wholesale", "press"];
const WORDS = "the parcel has not arrived yet and I would like to know where it is".split(" ");
const MINUTE_MS = 60_000;

/** The n-th id of a kind. */
const id = (kind, n) => `00000000-0000-4000-${8000 + kind}-${String(n).padStart(12, "0")}`;
const [AGENT, TAG, VISITOR, ROOM, MESSAGE] = [1, 2, 3, 4, 5];

export const roomId = (n) => id(ROOM, n);

/** Which kind of conversation the n-th one is. */
function kindOf(n) {
  if (n % 20 === 7) return "spam";
  if (n % 10 === 1) return "waiting";
  return n % 10 === 2 ? "closed" : "active";
}

function* roomLines(n, now) {
  const kind = kindOf(n);
  const at = (minutes) => new Date(now - n * MINUTE_MS + minutes * MINUTE_MS).toISOString();
  const isAnswered = kind === "active" || kind === "closed";
  const name = `Customer ${n}`;
  yield { type: "visitor", id: id(VISITOR, n), user: null, blocked: false, created_at: at(-9) };
  yield {
    type: "room",
    id: roomId(n),
    status: kind === "spam" ? "waiting" : kind,
    customer_name: name,
    customer_email: n % 2 ? `customer-${n}@example.com` : null,
    customer_phone: null,
    user: null,
    page_url: `https://shop.example.com/products/${n % 500}`,
    created_at: at(-9),
    updated_at: at(0),
    last_message_at: at(isAnswered ? 0 : -5),
    last_seq: isAnswered ? 2 : 1,
    customer_read_seq: 0,
    admin_read_seq: isAnswered ? 2 : 0,
    visitor_id: id(VISITOR, n),
    desk: {
      assignee: n % 3 ? id(AGENT, n % AGENTS.length) : null,
      tags: Array.from({ length: n % 3 }, (_, i) => id(TAG, (n + 3 * i) % TAGS.length)).sort(),
      spam: kind === "spam",
      snoozed_until: null,
    },
  };
  const message = { type: "message", room_id: roomId(n), event: null, is_read: isAnswered };
  const text = Array.from({ length: 14 }, (_, i) => WORDS[(n * (i + 1)) % WORDS.length]).join(" ");
  yield {
    ...message,
    id: id(MESSAGE, 2 * n),
    seq: 1,
    sender_type: "customer",
    sender_name: name,
    content: text,
    created_at: at(-5),
  };
  if (!isAnswered) return;
  yield {
    ...message,
    id: id(MESSAGE, 2 * n + 1),
    seq: 2,
    sender_type: "admin",
    sender_name: AGENTS[n % AGENTS.length],
    content: `I have looked: ${text}`,
    created_at: at(0),
  };
}

/** The lines of an export with `count` conversations. */
export function* exportLines(count, now) {
  const created_at = new Date(now).toISOString();
  for (const [n, username] of AGENTS.entries()) {
    const role = n ? "agent" : "admin";
    const agent = { id: id(AGENT, n), username, display_name: username, role, disabled: false };
    yield { type: "agent", ...agent, on_duty: true, created_at };
  }
  for (const [n, name] of TAGS.entries()) {
    yield {
      type: "tag",
      id: id(TAG, n),
      name,
      color: `#${(n * 1_500_000 + 0x306090).toString(16)}`,
    };
  }
  for (let n = 0; n < count; n++) yield* roomLines(n, now);
}

/** How many of them each list has. */
export function listLengths(count) {
  const lengths = { spam: 0, waiting: 0, closed: 0, active: 0 };
  for (let n = 0; n < count; n++) lengths[kindOf(n)] += 1;
  return { ...lengths, open: lengths.waiting + lengths.active };
}
