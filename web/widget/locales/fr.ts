import type { Labels, MoreTexts, Texts } from "./en";

export const texts = {
  hello: "Bonjour ! Comment pouvons-nous vous aider ?",
  yourName: "Nom",
  yourEmail: "E-mail",
  yourPhone: "Téléphone (facultatif)",
  startChat: "Démarrer le chat",
  yourMessage: "Message",
  send: "Envoyer",
  end: "Terminer la conversation",
  beginNew: "Nouvelle conversation",
  earlier: "Conversations précédentes",
  back: "Retour",
  minimize: "Réduire",
  here: "Nous sommes en ligne",
  away: "Laissez un message, nous répondrons ici",
  isTyping: "{} écrit…",
  edit: "Modifier",
  redacted: "Message supprimé",
  newer: "Nouveaux messages",
  signIn: "Votre session a expiré. Veuillez recharger la page",
  failed: "Cela a échoué. Veuillez réessayer",
} satisfies Texts;

export const labels = {
  closed: "Conversation terminée",
  reopened: "Conversation rouverte",
  connected: "Connecté en temps réel",
  "catching-up": "Mise à jour",
  offline: "Hors ligne. Vos messages seront envoyés plus tard",
  sending: "Envoi en cours",
  sent: "Envoyé",
  read: "Lu",
} satisfies Labels;

export const moreTexts = {
  backAt: "Nous serons de retour {day} à {time}",
  onWeekday: "{}",
  onDate: "le {}",
  mailIt: "Envoyer par e-mail",
  mailed: "L’e-mail est en route",
  toWhom: "À quelle adresse ?",
  unanswered: "L’envoi par e-mail est possible dès que nous aurons répondu",
  often: "Vous l’avez déjà reçu plusieurs fois aujourd’hui. Réessayez demain",
  quote: "Texte cité",
  rate: "Comment s’est passée cette conversation ?",
  score: "{} sur 5",
  comment: "Commentaire (facultatif)",
  sendComment: "Envoyer le commentaire",
  thanks: "Merci pour votre avis",
  ratingIsFinal: "Cet avis ne peut plus être modifié",
} satisfies MoreTexts;
