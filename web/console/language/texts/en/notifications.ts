/** Whether and where an agent is rung. */
export const notifications = {
  "command.notifications": "Notifications: duty and devices",
  "ring.title": "Notifications",
  "ring.you": "You",
  "ring.onDuty": "On duty",
  "ring.onDutyHint":
    "When a customer waits, the devices of all who are on duty ring. Off duty, none of yours does.",
  "ring.thisDevice": "This device",
  "ring.switch": "Ring this device",
  "ring.hint":
    "It rings also while the console is closed, until you sign out here or have not used the console for 30 days.",
  "ring.test": "Ring it now",
  "ring.blocked":
    "The browser blocks notifications of this site. Permit them in the browser's settings of this page (the icon beside the address), then load the page again.",
  "ring.install":
    'On an iPhone or iPad, install the console first: open the Share menu in Safari, choose "Add to Home Screen", open Shoptalk from there and come back to this page.',
  "ring.unsupported":
    "This browser cannot be rung. Use a current Chrome, Edge, Firefox or Safari, and open the console over https.",
  "ring.takenBack": "The browser does not permit notifications any more.",
  "ring.browserFailed": "The browser could not subscribe: {detail}",
  "ring.accepted": "The notification is on its way to this device.",
  "ring.gone": "The push service does not know this device any more. Switch it off and on again.",
  "ring.refused": "The push service refuses messages to this device: {detail}",
  "ring.failed": "This device could not be reached: {detail}",
  "ring.unknown": "The server does not know this device. Switch it off and on again.",
} as const;
