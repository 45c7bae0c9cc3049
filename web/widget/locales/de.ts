import type { Labels, MoreTexts, Texts } from "./en";

export const texts = {
  hello: "Hallo! Wie können wir helfen?",
  yourName: "Name",
  yourEmail: "E-Mail",
  yourPhone: "Telefon (optional)",
  startChat: "Chat starten",
  yourMessage: "Nachricht",
  send: "Senden",
  end: "Unterhaltung beenden",
  beginNew: "Neue Unterhaltung beginnen",
  earlier: "Frühere Unterhaltungen",
  back: "Zurück",
  minimize: "Minimieren",
  here: "Wir sind online",
  away: "Schreiben Sie uns, wir antworten hier",
  isTyping: "{} schreibt …",
  edit: "Bearbeiten",
  redacted: "Nachricht entfernt",
  newer: "Neue Nachrichten",
  signIn: "Ihre Anmeldung ist abgelaufen. Bitte laden Sie die Seite neu",
  failed: "Das hat nicht geklappt. Bitte versuchen Sie es noch einmal",
} satisfies Texts;

export const labels = {
  closed: "Unterhaltung beendet",
  reopened: "Unterhaltung wieder geöffnet",
  connected: "In Echtzeit verbunden",
  "catching-up": "Wird aktualisiert",
  offline: "Offline. Ihre Nachrichten werden aufbewahrt und später gesendet",
  sending: "Wird gesendet",
  sent: "Gesendet",
  read: "Gelesen",
} satisfies Labels;

export const moreTexts = {
  backAt: "Wir sind {day} um {time} Uhr wieder da",
  onWeekday: "am {}",
  onDate: "am {}",
  mailIt: "Per Mail senden",
  mailed: "Die Mail ist unterwegs",
  toWhom: "An welche Adresse?",
  unanswered: "Per Mail geht es, sobald wir geantwortet haben",
  often: "Sie haben es heute schon mehrmals bekommen. Versuchen Sie es morgen wieder",
  quote: "Zitierter Text",
  rate: "Wie war diese Unterhaltung?",
  score: "{} von 5",
  comment: "Kommentar (optional)",
  sendComment: "Kommentar senden",
  thanks: "Danke für Ihre Bewertung",
  ratingIsFinal: "Diese Bewertung lässt sich nicht mehr ändern",
} satisfies MoreTexts;
