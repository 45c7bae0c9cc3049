/**
 * The console's service worker: shows what the server pushes, and opens the conversation on a click.
 * It answers no requests, so the console is always the server's newest one.
 */
// For what cannot be read: a browser that gets a push has to show something, whatever it is.
const WAITING = {
  ar: "عميل ينتظر",
  de: "Ein Kunde wartet",
  en: "A customer is waiting",
  es: "Un cliente espera",
  fr: "Un client attend",
};

self.addEventListener("push", (event) => {
  let message = {};
  try {
    message = event.data.json();
  } catch {
    message.body = WAITING[navigator.language.slice(0, 2)] ?? WAITING.en;
  }
  const { room_id, title = "Shoptalk", body } = message;
  const options = { body, tag: room_id ?? "shoptalk", renotify: true, icon: "/admin/icon-192.png" };
  event.waitUntil(registration.showNotification(title, { ...options, data: { room_id } }));
});

self.addEventListener("notificationclick", (event) => {
  const { notification } = event;
  const { room_id } = notification.data ?? {};
  notification.close();
  event.waitUntil(open(room_id));
});

async function open(room_id) {
  const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const console = pages.find(({ url }) => new URL(url).pathname === "/admin/chat");
  if (!console) return clients.openWindow(`/admin/chat${room_id ? `#room=${room_id}` : ""}`);
  console.postMessage({ room_id });
  return console.focus();
}
