import type { NoPush, PushBrowser } from "./desk/ringing";

/** Web Push as this browser has it, or why it has none. */
export function pushBrowser(): PushBrowser | NoPush {
  const { serviceWorker } = navigator;
  if (!serviceWorker || !("PushManager" in window) || !("Notification" in window)) {
    return isApplePhone() && !isInstalled() ? "install" : "unsupported";
  }
  const registered = async () => {
    await serviceWorker.register("/admin/worker.js");
    return serviceWorker.ready;
  };
  return {
    permission: () => Notification.permission,
    requestPermission: () => Notification.requestPermission(),

    async current() {
      const registration = await serviceWorker.getRegistration("/admin/");
      return (await registration?.pushManager.getSubscription()) ?? undefined;
    },

    async subscribe(applicationServerKey) {
      const { pushManager } = await registered();
      const options = { userVisibleOnly: true, applicationServerKey };
      try {
        return await pushManager.subscribe(options);
      } catch (error) {
        // It has subscribed with a key that the server does not have any more.
        const other = await pushManager.getSubscription();
        if (!other) throw error;
        await other.unsubscribe();
        return pushManager.subscribe(options);
      }
    },
  };
}

/** Opens the conversation of a notification that was clicked while the console was open. */
export function followNotifications() {
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    if (typeof data?.room_id === "string") location.hash = `#room=${data.room_id}`;
  });
}

/** iPhones and iPads, which say that they are a Mac; only installed pages can be rung there. */
const isApplePhone = () =>
  /iPhone|iPad|iPod/.test(navigator.userAgent) ||
  (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);

const isInstalled = () => matchMedia("(display-mode: standalone)").matches;
