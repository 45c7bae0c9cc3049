import type { Said, Words } from "./en";

export const words = {
  hello: "Hallo! Wie können wir helfen?",
  yourName: "Name",
  yourEmail: "E-Mail",
  yourPhone: "Telefon (optional)",
  startChat: "Chat starten",
  yourMessage: "Nachricht",
  sendIt: "Senden",
  end: "Unterhaltung beenden",
  again: "Neue Unterhaltung beginnen",
  earlier: "Frühere Unterhaltungen",
  back: "Zurück",
  minimize: "Minimieren",
  here: "Wir sind online",
  away: "Schreiben Sie uns, wir antworten hier",
  isTyping: "{} schreibt …",
  edit: "Bearbeiten",
  newer: "Neue Nachrichten",
  signIn: "Ihre Anmeldung ist abgelaufen. Bitte laden Sie die Seite neu",
  failed: "Das hat nicht geklappt. Bitte versuchen Sie es noch einmal",
} satisfies Words;

export const said = {
  closed: "Die Unterhaltung ist beendet",
  reopened: "Die Unterhaltung geht weiter",
  connected: "In Echtzeit verbunden",
  "catching-up": "Wird aktualisiert",
  offline: "Offline. Ihre Nachrichten werden aufbewahrt und später gesendet",
  sending: "Wird gesendet",
  sent: "Gesendet",
  read: "Gelesen",
} satisfies Said;
